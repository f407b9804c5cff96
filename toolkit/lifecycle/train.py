"""One run: what it is made of, the job that carries it out, and what came of it.

A run's id is the digest of everything that decides its result: code, dataset version, split, parameters, locked
environment, entry, model, and the settings that training reads. So the same inputs are the same run: one that succeeded
is returned as it is, one that is still going is joined. One that failed (or was cancelled, or ran out of time) is tried
again under the next number of the same id, `<digest>-2`, and so is `again`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from toolkit.domain import digest, times
from toolkit.domain.errors import ConfigError, Conflict, Interrupted, TrainingFailed
from toolkit.domain.records import Dataset, RunSpec
from toolkit.domain.specs import JobSpec, JobStatus
from toolkit.lifecycle import register, runs
from toolkit.lifecycle.runtime import runtime
from toolkit.ports.context import Context
from toolkit.state.blobs import Blobs
from toolkit.state.runindex import RunView
from toolkit.state.runs import Runs

MOST_ATTEMPTS = 1000


@dataclass(frozen=True)
class TrainResult:
    """`version` is None while a detached run has not ended; `reused`: the run was there, nothing was trained."""

    view: RunView
    version: int | None
    reused: bool = False


def run(
    ctx: Context,
    *,
    dataset: Dataset | None = None,
    again: bool = False,
    reason: str = "by hand",
    params: dict[str, Any] | None = None,
    detach: bool = False,
) -> TrainResult:
    """Train on `dataset` (default: what an ingest finds now), wait, and register the model.

    Raises TrainingFailed (the run's recorded reason), Interrupted (Ctrl-C: the job is stopped and the run cancelled),
    ConfigError (code, requirements), DataError (ingest). `params` go over those of the configuration.
    """
    if dataset is None:
        from toolkit.lifecycle import ingest

        dataset = ingest.run(ctx)
    spec, requirements = _spec(ctx, dataset, reason, params or {})
    view = _placed(ctx, spec, again)
    if view.end is not None:
        ctx.report.say(f"run {view.id} has this code, data and parameters: nothing to train")
        return TrainResult(view, register.run(ctx, view, reused=True).version, reused=True)
    # The limits of now: a run whose job was refused for them has those of then, and must not be refused for ever.
    limits = {"memory_mb": spec.memory_mb, "timeout_seconds": spec.timeout_seconds}
    job = ctx.jobs.submit(_job(ctx, msgspec.structs.replace(view.spec, **limits), requirements))
    ctx.report.say(f"run {view.id}: job {job.name} submitted")
    if detach:
        return TrainResult(view, None)
    return _result(ctx, _wait(ctx, view, job))


def document(result: TrainResult) -> dict[str, Any]:
    """The result as plain values: {id, status, reason, model, version, digest, metrics, params, dataset, reused}."""
    spec, end = result.view.spec, result.view.end
    return {
        "id": result.view.id,
        "status": result.view.status,
        "reason": (end.reason if end else "") or spec.reason,
        "model": spec.model,
        "version": result.version,
        "digest": end.model_digest if end else "",
        "metrics": result.view.metrics,
        "params": spec.params,
        "dataset": {"name": spec.dataset, "version": spec.dataset_version},
        "seconds": end.seconds if end else 0.0,
        "reused": result.reused,
    }


def _spec(ctx: Context, dataset: Dataset, reason: str, params: dict[str, Any]) -> tuple[RunSpec, str]:
    """(the run without its attempt number, locked requirements). Stores code and requirements as blobs."""
    from toolkit.data import split
    from toolkit.models.data import label_column
    from toolkit.packaging import code

    config = ctx.project
    package = code.package(ctx.directory, config.train.include)
    _require_module(config.train.entry, package.files)
    requirements = _locked(ctx)
    blobs = Blobs(ctx.store)
    spec = RunSpec(
        run_id="",
        model=config.model_name,
        entry=config.train.entry,
        code=blobs.put(package.data),
        environment=blobs.put(requirements.encode()) if requirements else "",
        dataset=dataset.name,
        dataset_version=dataset.version,
        label=label_column(dataset.schema).name,
        split=split.resolve(config.data.split, dataset.schema),
        params={**config.train.params, **params},
        reason=reason,
        actor=ctx.actor,
        created=ctx.clock(),
        timeout_seconds=int(times.seconds(config.train.timeout)),
        memory_mb=times.megabytes(config.train.memory),
    )
    return msgspec.structs.replace(spec, run_id=_identity(ctx, spec)), requirements


def _require_module(entry: str, files: Sequence[str]) -> None:
    """Say at once what the job would find out: the module is not among the files that are packaged."""
    path = entry.partition(":")[0].replace(".", "/")
    if f"{path}.py" not in files and f"{path}/__init__.py" not in files:
        there = ", ".join(name for name in files if "/" not in name) or "nothing"
        raise ConfigError(
            f"train.entry {entry!r}: the project has no {path}.py; at its top there is {there}",
            hint="correct entry or include under [train]",
        )


def _identity(ctx: Context, spec: RunSpec) -> str:
    """16 hexadecimal digits over what decides the result: no time, no actor, no reason, no limits."""
    config = ctx.project
    decides = ("model", "entry", "code", "environment", "dataset", "dataset_version", "label", "split", "params")
    settings = [config.data.frame, config.data.task, config.export.model_dump(mode="json"), config.train.cpu]
    try:
        return digest.of_value([[getattr(spec, name) for name in decides], settings])[:16]
    except (TypeError, msgspec.MsgspecError) as error:
        raise ConfigError(f"train.params: JSON cannot hold them: {error}", hint="use numbers, text, lists") from error


def _locked(ctx: Context) -> str:
    """The user's requirements, pinned; "" where none are configured."""
    named = ctx.project.train.requirements
    if not named:
        return ""
    from toolkit.packaging import lock

    return lock.lock(ctx.directory / named, f"{sys.version_info.major}.{sys.version_info.minor}")


def _placed(ctx: Context, spec: RunSpec, again: bool) -> RunView:
    """The run to use: the first attempt that succeeded or still goes on, else a new one, created."""
    store = Runs(ctx.store, clock=ctx.clock)
    for attempt in range(1, MOST_ATTEMPTS):
        run_id = spec.run_id if attempt == 1 else f"{spec.run_id}-{attempt}"
        numbered = msgspec.structs.replace(spec, run_id=run_id)
        if store.create(numbered):
            return store.view(run_id)
        view = runs.settled(ctx, store.view(run_id))
        if view.end is None or (view.status == "succeeded" and not again):
            return view
    raise Conflict(f"run {spec.run_id} was tried {MOST_ATTEMPTS - 1} times", hint="toolkit runs ls")


def _job(ctx: Context, spec: RunSpec, requirements: str) -> JobSpec:
    train = ctx.project.train
    told = runtime(ctx, model=spec.model, config=True, values={"step": "fit", "run": spec.run_id})
    return JobSpec(
        name=runs.job_name(spec.run_id),
        environment={**told, **threads(train.cpu), "TOOLKIT_ACTOR": ctx.actor},
        requirements=requirements,
        packages=spec.environment,
        cpu=train.cpu,
        memory_mb=spec.memory_mb,
        timeout_seconds=spec.timeout_seconds,
        tags=ctx.tags(model=spec.model, run=spec.run_id, step="fit"),
    )


def threads(cpu: float) -> dict[str, str]:
    """Sums over several threads depend on their order: one thread (cpu below 2) gives equal models bit by bit."""
    count = str(max(1, int(cpu)))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    return {**dict.fromkeys(names, count), "PYTHONHASHSEED": "0"}


def _wait(ctx: Context, view: RunView, job: JobStatus) -> RunView:
    """Show what the job prints until it has ended; the run with its end."""
    try:
        for line in ctx.jobs.logs(job.id, follow=True):
            ctx.report.say(line.text)
        return _ended(ctx, view)
    except KeyboardInterrupt as error:
        ctx.report.warn(f"stopping job {job.name}")
        ctx.jobs.cancel(job.id)
        ended = _ended(ctx, view)
        raise Interrupted(
            f"run {view.id} {ended.status}: {ended.end.reason if ended.end else ''}",
            hint="toolkit train tries it again",
        ) from error


def _ended(ctx: Context, view: RunView) -> RunView:
    found = runs.settled(ctx, Runs(ctx.store).view(view.id))
    if found.end is None:
        return runs.end_as(ctx, found, "lost", "its log ended and its job says nothing of an end")
    return found


def _result(ctx: Context, view: RunView) -> TrainResult:
    if view.status != "succeeded":
        why = view.end.reason if view.end else ""
        raise TrainingFailed(f"run {view.id} {_said(view)}: {why}", hint=f"toolkit logs --run {view.id}")
    version = register.run(ctx, view).version
    Runs(ctx.store, clock=ctx.clock).compact()
    return TrainResult(view, version)


def _said(view: RunView) -> str:
    words = {"timeout": "ran out of time", "out-of-memory": "ran out of memory", "lost": "was lost"}
    return words.get(view.status, view.status)
