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
    for action in plan.changes:
        brief = _brief(action)
        releases.intent(op, brief)
        ctx.report.say(f"  {SIGNS[action.action]} {action.kind} {action.name}: {action.why}")
        try:
            result = resources.KINDS[action.kind].apply(ctx, action)
        except Exception as error:
            releases.result(op, brief, error=f"{type(error).__name__}: {error}")
            raise
        releases.result(op, brief, detail=result)
        results.append(result)
    return results


def _close_abandoned(ctx: Context, releases: Releases) -> None:
    for intent in releases.pending():
        ctx.report.say(f"resuming: an earlier run stopped at {intent.action.kind} {intent.action.name}")
        releases.result(intent.op, intent.action, error="abandoned: planned again")


def _brief(action: Action) -> Action:
    """What the journal keeps of an action: no payload (an environment may be long)."""
    return msgspec.structs.replace(action, payload={})
