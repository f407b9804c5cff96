"""The drift check as a function: a schedule's tick or a request; the same tick asks for the retrain.

A function does not train: it submits a job, named by (model, reason, window), so that a tick delivered twice is one
job. `on_event` answers schedule events, `application` the same over HTTP (POST /check).
"""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.bootstrap.context import from_runtime
from toolkit.domain import digest, names
from toolkit.domain.errors import ToolkitError
from toolkit.domain.specs import JobSpec, Runtime
from toolkit.lifecycle import alerting, delivery, gc, monitor
from toolkit.ports.context import Context
from toolkit.state.incidents import Incidents


def on_event(event: dict[str, Any]) -> dict[str, Any]:
    """One tick: {"report", "incident", "new", "retrain": a job or "", "rollout"}; the window ends at the event's time.

    With `"do": "rollout"` only the rollout is looked at: that schedule comes by every minute while there is one.
    """
    ctx, told = from_runtime()
    rollout = _rolled(ctx)
    if event.get("do") == "rollout":
        return {"rollout": rollout}
    checked = monitor.run(ctx, since=str(event.get("since", "")), until=str(event.get("time", "")))
    job = ""
    policy, window = ctx.project.retrain, checked.report.window.partition("/")[2]
    if checked.report.verdict == "drift" and policy.on_drift:
        job = ask_for_retrain(ctx, told, window)
    elif "labels" in checked.incidents and checked.incidents["labels"] != "resolved" and policy.on_labels:
        job = ask_for_retrain(ctx, told, window, reason="labels")
    gc.expire(ctx)
    gc.expire_service(ctx)
    gc.compact(ctx)
    answer = {"report": checked.report, "incident": checked.incident, "new": checked.new, "retrain": job}
    plain: dict[str, Any] = msgspec.to_builtins({**answer, "rollout": rollout})
    return plain


def _rolled(ctx: Context) -> dict[str, Any]:
    """A tick of the rollout, and people told. What fails there fails no check."""
    try:
        stepped = delivery.tick(ctx)
        alerting.send(ctx, Incidents(ctx.store, ctx.target, ctx.project.model_name))
    except ToolkitError as error:
        return {"error": error.message}
    rollout, verdict = stepped.standing.rollout, stepped.verdict
    return {"phase": rollout.phase, "why": verdict.why if verdict else rollout.why}


def ask_for_retrain(ctx: Context, told: Runtime, window: str, reason: str = "drift") -> str:
    """Submit the retrain job of this window (once, by its name) and return that name."""
    name = names.resource("retrain", told.model, digest.of_value([told.model, reason, window])[:12], limit=63)
    values = {"step": "retrain", "reason": reason, "window": window, "code": told.values.get("code", "")}
    runtime = msgspec.structs.replace(told, values=values)
    ctx.jobs.submit(
        JobSpec(
            name=name,
            environment={"TOOLKIT_RUNTIME": runtime.encode()},
            memory_mb=_memory(ctx),
            timeout_seconds=_seconds(ctx),
            tags=ctx.tags(model=told.model, step="retrain"),
        )
    )
    return name


def _memory(ctx: Context) -> int:
    from toolkit.domain import times

    return times.megabytes(ctx.project.train.memory)


def _seconds(ctx: Context) -> int:
    from toolkit.domain import times

    return int(times.seconds(ctx.project.train.timeout)) + 600  # the run inside has its own limit


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
            done = on_event({"since": asked.get("since", ""), "time": asked.get("until", "")})
        except ToolkitError as error:
            status = 404 if error.exit_code == 4 else 400 if error.exit_code == 2 else 500
            problem = {"title": error.code, "status": status, "detail": error.message}
            return JSONResponse(problem, status, media_type="application/problem+json")
        return JSONResponse(done)

    return app
