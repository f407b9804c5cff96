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
from toolkit.lifecycle import gc, monitor
from toolkit.ports.context import Context


def on_event(event: dict[str, Any]) -> dict[str, Any]:
    """One tick. {"report", "incident", "new", "retrain": job name or ""}; the window ends at the event's time."""
    ctx, told = from_runtime()
    checked = monitor.run(ctx, since=str(event.get("since", "")), until=str(event.get("time", "")))
    job = ""
    if checked.report.verdict == "drift" and ctx.project.retrain.on_drift:
        job = ask_for_retrain(ctx, told, checked.report.window.partition("/")[2])
    gc.expire(ctx)
    gc.compact(ctx)
    answer = {"report": checked.report, "incident": checked.incident, "new": checked.new, "retrain": job}
    plain: dict[str, Any] = msgspec.to_builtins(answer)
    return plain


def ask_for_retrain(ctx: Context, told: Runtime, window: str) -> str:
    """Submit the retrain job of this window (once, by its name) and return that name."""
    name = names.resource("retrain", told.model, digest.of_value([told.model, "drift", window])[:12], limit=63)
    values = {"step": "retrain", "reason": "drift", "window": window, "code": told.values.get("code", "")}
    runtime = msgspec.structs.replace(told, values=values)
    ctx.jobs.submit(
        JobSpec(
            name=name,
            environment={"TOOLKIT_RUNTIME": msgspec.json.encode(runtime).decode()},
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
