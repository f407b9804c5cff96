"""A watch: calls the drift check's function when data comes into the store (`[retrain] on_new_data = true`)."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain import digest
from toolkit.domain.newdata import WatchSpec
from toolkit.domain.plan import Action, Desired, Observed
from toolkit.ports.context import Context

KIND = "watch"
TAG = "watch"  # of the function that is called: says that there may be watches, without asking the bucket


def desired(spec: WatchSpec) -> Desired:
    return Desired(
        kind=KIND,
        name=spec.name,
        digest=digest.of_value(spec),
        summary=f"store:{spec.prefix} -> {spec.function}",
        port="store",
        payload=msgspec.to_builtins(spec),
    )


def offered(ctx: Context) -> bool:
    return "watches" in ctx.provider("store").ports


def observe(ctx: Context) -> list[Observed]:
    """Looked for only where there may be any: to look takes a permission of its own."""
    if not offered(ctx) or not (ctx.project.retrain.on_new_data or _tagged(ctx)):
        return []
    return [
        Observed(kind=KIND, name=spec.name, digests=(digest.of_value(spec),), summary=f"store:{spec.prefix}")
        for spec in ctx.watches.list()
    ]


def apply(ctx: Context, action: Action) -> dict[str, Any]:
    if action.action == "delete":
        ctx.watches.delete(action.name)
        return {}
    ctx.watches.put(msgspec.convert(action.payload, WatchSpec))
    return {}


def _tagged(ctx: Context) -> bool:
    return any(TAG in state.tags for state in ctx.functions.list(ctx.tags()))
