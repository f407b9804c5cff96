"""The drift check as a function: a schedule's tick or a request; the same tick asks for the retrain.

A function does not train: it asks whether a run may start (`lifecycle.ask`) and submits a job, named by (model, reason,
window), so that an event delivered twice is one job. A job that died is submitted again by the next tick, so often.
`on_event` answers events, `application` the same over HTTP (POST /check).

Events come at least once, from schedules that may overlap, in any order. What cannot be read is put aside
(`deadletter/`, shown by `toolkit status`) and answered, so that nobody delivers it for ever; what fails for another
reason is raised, so that it is delivered again. Of two ticks of the rollout at once the one that has the lease acts.
"""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.bootstrap.context import from_runtime
from toolkit.domain import digest, names, times
from toolkit.domain.errors import ConfigError, Locked, ToolkitError
from toolkit.domain.specs import JOB_FINAL, JobSpec, Runtime
from toolkit.entry import events
from toolkit.entry.events import Event
from toolkit.lifecycle import alerting, ask, delivery, gc, monitor, naming
from toolkit.lifecycle.lock import exclusively, is_free
from toolkit.ports.context import Context
from toolkit.state import deadletters
from toolkit.state.incidents import Incidents
from toolkit.state.triggers import Trigger, Triggers

DEATHS = 3  # of jobs, until an accepted request is given up
TRIES = 50  # jobs for one, with those that found another at work


def on_event(event: Any) -> dict[str, Any]:
    """What came of an event: {"report", "incident", "new", "retrain": a job or "", "rollout"} of a check, {"rollout"}
    or {"retrain", "why"} where that is all it asks for, {"dead_letter": its key, "why"} where it cannot be read."""
    ctx, told = from_runtime()
    try:
        asked = events.read(event, naming.endpoint(ctx))
    except ConfigError as refused:
        key = deadletters.put(ctx.store, ctx.target, naming.endpoint(ctx), event, refused.message, ctx.clock())
        return {"dead_letter": key, "why": refused.message}
    return carry_out(ctx, told, asked)


def carry_out(ctx: Context, told: Runtime, asked: Event) -> dict[str, Any]:
    """Do what an event asks for. The same again does nothing more."""
    if asked.do == "rollout":
        return {"rollout": _rolled(ctx)}
    if asked.do == "retrain":
        reason = f"{ask.BY_HAND} {asked.id or asked.time}" if asked.reason == ask.BY_HAND else asked.reason
        return retrain(ctx, told, reason=reason, window=times.text(times.parse(asked.time)))
    return _checked(ctx, told, asked)


def _checked(ctx: Context, told: Runtime, asked: Event) -> dict[str, Any]:
    rollout = _rolled(ctx)
    checked = monitor.run(ctx, since=asked.since, until=asked.time)
    policy, window = ctx.project.retrain, checked.report.window.partition("/")[2]
    wanted = {"retrain": "", "why": ""}
    if checked.report.verdict == "drift" and policy.on_drift:
        wanted = retrain(ctx, told, reason="drift", window=window)
    elif "labels" in checked.incidents and checked.incidents["labels"] != "resolved" and policy.on_labels:
        wanted = retrain(ctx, told, reason="labels", window=window)
    _take_up(ctx, told)
    gc.expire(ctx)
    gc.expire_service(ctx)
    gc.compact(ctx)
    answer = {"report": checked.report, "incident": checked.incident, "new": checked.new, **wanted, "rollout": rollout}
    plain: dict[str, Any] = msgspec.to_builtins(answer)
    return plain


def _rolled(ctx: Context) -> dict[str, Any]:
    """A tick of the rollout, and people told. What fails there fails no check."""
    try:
        with exclusively(ctx, "rollout-tick"):
            stepped = delivery.tick(ctx)
            alerting.send(ctx, Incidents(ctx.store, ctx.target, naming.endpoint(ctx)))
    except Locked:
        return {"skipped": "another tick is at work"}
    except ToolkitError as error:
        return {"error": error.message}
    rollout, verdict = stepped.standing.rollout, stepped.verdict
    return {"phase": rollout.phase, "why": verdict.why if verdict else rollout.why}


def retrain(ctx: Context, told: Runtime, *, reason: str, window: str) -> dict[str, str]:
    """{"retrain": the job, or "", "why": why there is none}."""
    asked = ask.run(ctx, reason=reason, window=window)
    if not asked.accepted:
        return {"retrain": "", "why": asked.why}
    if asked.decision:
        return {"retrain": "", "why": f"decided already: {asked.decision}, {asked.decided}"}
    return {"retrain": _submitted(ctx, told, asked), "why": ""}


def _take_up(ctx: Context, told: Runtime) -> None:
    """What was accepted and never came to an end: its starter or its job died, or another run was at work."""
    for trigger in Triggers(ctx.store, told.model).pending():
        if is_free(ctx, "retrain"):
            _submitted(ctx, told, trigger)


def _submitted(ctx: Context, told: Runtime, trigger: Trigger) -> str:
    """The job that is at work on it, submitted where there is none; "" once DEATHS of them have died. One that found
    another run at work has not died: it is tried again when that has ended."""
    deaths, name = 0, ""
    for attempt in range(1, TRIES + 1):
        if name and not is_free(ctx, "retrain"):
            return name
        name = job_name(told.model, trigger.reason, trigger.window, attempt)
        status = ctx.jobs.submit(_job(ctx, told, name, trigger))
        if status.state not in JOB_FINAL or not _is_pending(ctx, told, trigger):
            return name
        deaths += status.exit_code != Locked.exit_code
        if deaths == DEATHS:
            break
    why = f"{deaths} jobs died before they came to an end, the last one {status.state}: {status.reason}"
    Triggers(ctx.store, told.model).conclude(trigger, "failed", why, actor=ctx.actor, time=ctx.clock())
    return ""


def _is_pending(ctx: Context, told: Runtime, trigger: Trigger) -> bool:
    return any(other.key == trigger.key for other in Triggers(ctx.store, told.model).pending())


def job_name(model: str, reason: str, window: str, attempt: int = 1) -> str:
    """Which names a job for the provider, too: submitted again it is the same job."""
    again = [] if attempt == 1 else [attempt]
    return names.resource("retrain", model, digest.of_value([model, reason, window, *again])[:12], limit=63)


def _job(ctx: Context, told: Runtime, name: str, trigger: Trigger) -> JobSpec:
    code = told.values.get("code", "")
    values = {"step": "retrain", "reason": trigger.reason, "window": trigger.window, "code": code}
    runtime = msgspec.structs.replace(told, values=values)
    return JobSpec(
        name=name,
        environment={"TOOLKIT_RUNTIME": runtime.encode()},
        memory_mb=times.megabytes(ctx.project.train.memory),
        timeout_seconds=int(times.seconds(ctx.project.train.timeout)) + 600,  # the run inside has its own limit
        tags=ctx.tags(model=told.model, step="retrain"),
    )


def application() -> Any:
    """An ASGI app: POST /check {"since", "until"} -> what `on_event` returns; GET /healthz."""
    from fastapi import FastAPI
    from fastapi.responses import JSONResponse

    app = FastAPI(title="drift check", docs_url="/docs")

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/check")
    async def check(body: dict[str, Any] | None = None) -> JSONResponse:
        asked = body or {}
        try:
            ctx, told = from_runtime()
            event = {"source": events.SOURCE, "since": asked.get("since", ""), "time": asked.get("until", "")}
            done = carry_out(ctx, told, events.read(event, naming.endpoint(ctx)))
        except ToolkitError as error:
            status = 404 if error.exit_code == 4 else 400 if error.exit_code == 2 else 500
            problem = {"title": error.code, "status": status, "detail": error.message}
            return JSONResponse(problem, status, media_type="application/problem+json")
        return JSONResponse(done)

    return app
