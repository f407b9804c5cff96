"""Read runs: list, show, compare, their logs; and settle those whose job ended without saying so.

A job records its own end. One that was killed, ran out of time or memory, or lost its machine cannot, so whoever looks
next records it from the provider's word. Records here are plain values, ready to print.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from toolkit.domain import names, times
from toolkit.domain.errors import NotFound, Unsupported
from toolkit.domain.records import RunEnd, RunStatus
from toolkit.domain.specs import JOB_FINAL, JobStatus, LogLine
from toolkit.ports.context import Context
from toolkit.state import keys
from toolkit.state.patience import patiently
from toolkit.state.runindex import RunView
from toolkit.state.runs import Runs

LOST_AFTER = timedelta(hours=1)  # past its time limit, a run without a job is not coming back


def ls(ctx: Context, *, model: str = "", limit: int = 50) -> list[dict[str, Any]]:
    """Newest first: [{id, status, reason, trigger, model, created, params, metrics, seconds, ...}]."""
    return [_row(settled(ctx, view)) for view in Runs(ctx.store).list(model)[:limit]]


def show(ctx: Context, run_id: str = "latest") -> dict[str, Any]:
    """A row of `ls`, with everything that was logged. `run_id` may be `latest` or the beginning of an id."""
    runs = Runs(ctx.store)
    view = settled(ctx, find(ctx, run_id))
    history = {name: [[p.step, p.value] for p in points] for name, points in runs.metrics(view.id).items()}
    return {
        **_row(view),
        "logged": {"params": runs.params(view.id), "metrics": history, "artifacts": runs.artifacts(view.id)},
        "spec": msgspec.to_builtins(view.spec),
    }


def compare(ctx: Context, run_ids: list[str]) -> dict[str, Any]:
    """{"runs": [id], "rows": [{"name", "values"}]}: what differs between them, one value a run (None: it has none)."""
    views = [settled(ctx, find(ctx, run_id)) for run_id in run_ids]
    facts = [_facts(view) for view in views]
    names_ = list(dict.fromkeys(name for found in facts for name in found))
    rows = [{"name": name, "values": [found.get(name) for found in facts]} for name in names_]
    differing = [row for row in rows if len(views) == 1 or any(v != row["values"][0] for v in row["values"])]
    return {"runs": [view.id for view in views], "rows": differing}


def find(ctx: Context, run_id: str = "latest") -> RunView:
    """NotFound where there is none, or where several begin like that."""
    runs = Runs(ctx.store)
    if run_id != "latest":
        try:
            return runs.view(run_id)
        except NotFound:
            pass
    listed = runs.list() if run_id != "latest" else runs.list(ctx.project.model_name)
    found = [view for view in listed if run_id == "latest" or view.id.startswith(run_id)]
    if not found:
        raise NotFound(
            "there is no run yet" if run_id == "latest" else f"there is no run {run_id}", hint="toolkit runs ls"
        )
    if run_id != "latest" and len(found) > 1:
        raise NotFound(
            f"{len(found)} runs begin with {run_id}: {', '.join(v.id for v in found[:5])}", hint="toolkit runs ls"
        )
    return found[0]


def logs(ctx: Context, run_id: str, *, follow: bool = False) -> Iterator[LogLine]:
    """What the run printed and, after it, the traceback it ended with. `follow` waits until it has ended."""
    view = find(ctx, run_id)
    job = job_of(ctx, view.id)
    if job is not None:
        yield from ctx.jobs.logs(job.id, follow=follow)
    for meta in ctx.store.list(f"{keys.run(view.id)}log/"):
        text = patiently(lambda key=meta.key: ctx.store.get(key)).data.decode(errors="replace")  # type: ignore[misc]
        yield from (LogLine(time=meta.modified, text=line, source=view.id) for line in text.splitlines())


def job_name(run_id: str) -> str:
    return names.resource("train", run_id)


def job_of(ctx: Context, run_id: str) -> JobStatus | None:
    """The job that carries out a run, as far as this target knows."""
    try:
        return next(iter(ctx.jobs.list({"run": run_id})), None)
    except Unsupported:
        return None


def settled(ctx: Context, view: RunView) -> RunView:
    """The run, its end recorded where its job has ended without doing so."""
    if view.end is not None:
        return view
    job = job_of(ctx, view.id)
    if job is not None and job.state in JOB_FINAL:
        return end_as(ctx, view, *_verdict(job), ended=job.ended, started=job.started)
    limit = timedelta(seconds=view.spec.timeout_seconds) + LOST_AFTER
    if job is None and view.spec.created and times.parse(view.spec.created) + limit < times.parse(ctx.clock()):
        return end_as(ctx, view, "lost", "its job is not there any more")
    return view


def end_as(
    ctx: Context, view: RunView, status: RunStatus, reason: str, *, ended: str = "", started: str = ""
) -> RunView:
    """Record the end, unless the run has recorded one by now."""
    runs = Runs(ctx.store)
    runs.end(RunEnd(run_id=view.id, status=status, reason=reason, ended=ended or ctx.clock(), started=started))
    return runs.view(view.id)


def _verdict(job: JobStatus) -> tuple[RunStatus, str]:
    """A job that says why it was ended is believed; one that died without a word has lost its run."""
    if job.state in ("timeout", "out-of-memory", "cancelled"):
        return job.state, job.reason
    if job.state == "failed" and job.exit_code:
        return "failed", job.reason or f"exit code {job.exit_code}"
    return "lost", job.reason or "its job ended without recording what became of the run"


def _row(view: RunView) -> dict[str, Any]:
    end = view.end
    return {
        "id": view.id,
        "status": view.status,
        "reason": (end.reason if end else "") or view.spec.reason,
        "trigger": view.spec.reason,
        "model": view.spec.model,
        "created": view.spec.created,
        "ended": end.ended if end else "",
        "seconds": end.seconds if end else 0.0,
        "params": view.spec.params,
        "metrics": view.metrics,
        "model_digest": end.model_digest if end else "",
        "dataset_version": view.spec.dataset_version,
        "actor": view.spec.actor,
    }


def _facts(view: RunView) -> dict[str, Any]:
    spec = view.spec
    facts = {"status": view.status, "code": spec.code[:12], "environment": spec.environment[:12],
             "dataset": spec.dataset_version[:12], "entry": spec.entry}  # fmt: skip
    return (
        facts
        | {f"params.{name}": value for name, value in sorted(spec.params.items())}
        | {f"metrics.{name}": value for name, value in view.metrics.items()}
    )
