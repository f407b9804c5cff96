"""A function: its newest version is published from the spec; which version answers is the route's business."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain import digest
from toolkit.domain.plan import Action, Desired, Observed
from toolkit.domain.specs import FunctionSpec
from toolkit.ports.context import Context

KIND = "function"
CLAIMS = ("functions.http", "functions.versions")


def spec_digest(spec: FunctionSpec) -> str:
    return digest.of_value(dict(spec.configuration()))


def desired(spec: FunctionSpec, summary: str) -> Desired:
    return Desired(
        kind=KIND,
        name=spec.name,
        digest=spec_digest(spec),
        summary=summary,
        port="functions",
        payload=msgspec.to_builtins(spec),
        needs=CLAIMS,
        limits=(
            ("function_memory_mb", spec.memory_mb),
            ("function_timeout_seconds", spec.timeout_seconds),
            ("environment_bytes", sum(len(k) + len(v) for k, v in spec.environment.items())),
        ),
        cost="nothing while idle",
    )


def observe(ctx: Context) -> list[Observed]:
    return [
        Observed(
            kind=KIND,
            name=state.name,
            digests=tuple(state.spec_digests.values()),
            summary=f"version {max(state.versions, key=int, default='none')}",
        )
        for state in ctx.functions.list(ctx.tags())
    ]


def apply(ctx: Context, action: Action) -> dict[str, Any]:
    if action.action == "delete":
        ctx.functions.delete(action.name)
        return {}
    spec = msgspec.convert(action.payload, FunctionSpec)
    return {"function": spec.name, "version": ctx.functions.publish(spec)}
