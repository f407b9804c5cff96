"""A schedule: calls the drift check at its times."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain import digest
from toolkit.domain.plan import Action, Desired, Observed
from toolkit.domain.schedule import parse
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports.context import Context

KIND = "schedule"


def desired(spec: ScheduleSpec) -> Desired:
    """ConfigError for an expression that not every provider can express."""
    parse(spec.expression)
    return Desired(
        kind=KIND,
        name=spec.name,
        digest=digest.of_value(spec),
        summary=f"{spec.expression} -> {spec.function}",
        port="schedules",
        payload=msgspec.to_builtins(spec),
        needs=("schedules.fire",),
    )


def observe(ctx: Context) -> list[Observed]:
    return [
        Observed(kind=KIND, name=spec.name, digests=(digest.of_value(spec),), summary=spec.expression)
        for spec in ctx.schedules.list(ctx.tags())
    ]


def apply(ctx: Context, action: Action) -> dict[str, Any]:
    if action.action == "delete":
        ctx.schedules.delete(action.name)
        return {}
    ctx.schedules.put(msgspec.convert(action.payload, ScheduleSpec))
    return {}
