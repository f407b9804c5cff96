"""Carry out a plan: intent before, result after, nothing clever.

A run that died left an intent without a result. Running the same command plans again from what is really there; what
was done is kept, what was not is done, and the old intents are closed with what was found.
"""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit import resources
from toolkit.domain.plan import SIGNS, Action, Plan
from toolkit.ports.context import Context
from toolkit.state.releases import Releases


def execute(ctx: Context, plan: Plan, releases: Releases, op: str) -> list[dict[str, Any]]:
    """Results of the plan's changes, in order. `op` names this run of the command; errors are recorded and raised."""
    _close_abandoned(ctx, releases)
    results = []
    with ctx.report.track("deploy", len(plan.changes)) as advance:
        for number, action in enumerate(plan.changes):
            step = f"{op}-{number}"
            releases.intent(step, _brief(action), actor=ctx.actor, time=ctx.clock())
            ctx.report.say(f"  {SIGNS[action.action]} {action.kind} {action.name}: {action.why}")
            try:
                result = resources.KINDS[action.kind].apply(ctx, action)
            except Exception as error:
                releases.result(step, {"failed": f"{type(error).__name__}: {error}"}, actor=ctx.actor, time=ctx.clock())
                raise
            releases.result(step, {"done": result}, actor=ctx.actor, time=ctx.clock())
            results.append(result)
            advance(1)
    return results


def _close_abandoned(ctx: Context, releases: Releases) -> None:
    for intent in releases.pending():
        ctx.report.say(f"resuming: an earlier run stopped at {intent.action.get('kind')} {intent.action.get('name')}")
        releases.result(intent.op, {"abandoned": "planned again"}, actor=ctx.actor, time=ctx.clock())


def _brief(action: Action) -> dict[str, Any]:
    """What the journal keeps of an action: no environment, which may be long."""
    brief: dict[str, Any] = msgspec.to_builtins(action)
    brief.pop("payload")
    return brief
