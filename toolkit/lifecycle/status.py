"""One page: what is served, what it is worth, what happened last, and what to do next."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import NotFound, ToolkitError
from toolkit.domain.records import Release
from toolkit.engine.rollout import MOVING
from toolkit.lifecycle import naming
from toolkit.lifecycle.standing import rollouts, unfinished
from toolkit.ports.context import Context
from toolkit.state import deadletters
from toolkit.state.incidents import Incidents
from toolkit.state.registry import Registry
from toolkit.state.reports import Reports
from toolkit.state.triggers import Triggers

MEASURED = ("requests", "errors", "p99_ms", "drift_rows")  # of what a check measures
SINCE = timedelta(days=2)


def run(ctx: Context) -> dict[str, Any]:
    """{"endpoints": [{name, url, model, version, state, ...}], "model", "rollout", "drift", "metrics",
    "incidents", "channels" that the last alert did not reach, "untold" incidents, "retrains", "dead_letters",
    "schedules", "next"}."""
    release = naming.releases(ctx).current()
    registry = Registry(ctx.store, ctx.project.model_name)
    versions, aliases = registry.versions(), registry.aliases()
    incidents = Incidents(ctx.store, ctx.target, naming.endpoint(ctx))
    report = Reports(ctx.store, ctx.target, naming.endpoint(ctx)).latest()
    found = {
        "target": ctx.target,
        "endpoints": [_endpoint(ctx, release)] if release else [],
        "model": {"name": ctx.project.model_name, "versions": len(versions), "aliases": aliases},
        "drift": _drift(report),
        "metrics": _metrics(ctx),
        "rollout": _rollout(ctx),
        "incidents": [msgspec.to_builtins(i) for i in incidents.open()],
        "channels": incidents.failing(),
        "untold": [notice.alert.title for notice in incidents.given_up()],
        "retrains": [msgspec.to_builtins(t) for t in Triggers(ctx.store, ctx.project.model_name).recent()[:5]],
        "dead_letters": _dead_letters(ctx),
        "schedules": [{"name": s.name, "expression": s.expression} for s in ctx.schedules.list(ctx.tags())],
    }
    return {**found, "next": _next(found)}


def _endpoint(ctx: Context, release: Release) -> dict[str, Any]:
    state: str
    try:
        observed = ctx.functions.observe(release.function)
        state, url, reason = observed.state, observed.url, observed.reason
        rollout = rollouts(ctx).standing().rollout
        moving = rollout.phase in (*MOVING, "held") or unfinished(rollout, release)
        if release.function_version not in observed.weights and not moving:
            state, reason = "diverged", f"traffic is at {observed.weights}, released was {release.function_version}"
    except NotFound:
        state, url, reason = "missing", "", "the function is not there any more"
    return {
        "name": release.endpoint,
        "url": url,
        "model": release.model,
        "version": release.model_version,
        "state": state,
        "reason": reason or release.reason,
        "digest": release.model_digest,
        "function": release.function,
        "function_version": release.function_version,
    }


def _rollout(ctx: Context) -> dict[str, Any]:
    """Of the latest: {"phase", "champion", "challenger", "share", "why", "since", "held"}."""
    found = rollouts(ctx).standing().rollout
    told = ("phase", "champion", "challenger", "why", "since", "held")
    return {**{name: getattr(found, name) for name in told}, "share": found.share, "shares": list(found.shares)}


def _dead_letters(ctx: Context) -> dict[str, Any]:
    """{"count", "latest": [{"received", "why", "event"}]}"""
    where = (ctx.store, ctx.target, naming.endpoint(ctx))
    count = deadletters.count(*where)
    latest = [msgspec.to_builtins(letter) for letter in deadletters.latest(*where)] if count else []
    return {"count": count, "latest": latest}


def _drift(report: Any) -> dict[str, Any]:
    if report is None:
        return {"verdict": "not checked", "window": "", "columns": []}
    drifted = [c.name for c in report.columns if c.verdict == "drift"]
    return {"verdict": report.verdict, "window": report.window, "rows": report.rows, "columns": drifted,
            "performance": report.performance}  # fmt: skip


def _metrics(ctx: Context) -> dict[str, Any]:
    """What the last check measured, read back from the target's metrics: {"time", name: value}; {} where none did in
    SINCE. A page without them is better than none."""
    since, labels = (
        times.text(times.parse(ctx.clock()) - SINCE),
        {"endpoint": naming.endpoint(ctx), "target": ctx.target},
    )
    found: dict[str, Any] = {}
    try:
        for name in MEASURED:
            for point in ctx.metrics.query(name, since=since, labels=labels):
                found |= {"time": point.time, name: point.value}
    except ToolkitError as error:
        ctx.report.warn(f"the metrics cannot be read: {error.message}")
    return found


def _next(found: dict[str, Any]) -> str:
    """The command that fits the situation."""
    if not found["model"]["versions"]:
        return "toolkit train"
    if found["rollout"]["phase"] in (*MOVING, "held"):
        return "toolkit resume" if found["rollout"]["held"] else "toolkit rollout"
    if "champion" not in found["model"]["aliases"]:
        return "toolkit promote"
    endpoints = found["endpoints"]
    if not endpoints or endpoints[0]["state"] in {"missing", "stopped", "failed", "diverged"}:
        return "toolkit deploy"
    if endpoints[0]["version"] != found["model"]["aliases"]["champion"]:
        return "toolkit deploy"
    return "toolkit retrain --reason drift" if found["drift"]["verdict"] == "drift" else "toolkit drift"
