"""Where the endpoint's rollout stands, and what is written there by who moves the traffic in another way."""

from __future__ import annotations

from toolkit.domain import digest
from toolkit.domain.errors import Conflict
from toolkit.domain.records import Release
from toolkit.engine.rollout import RESTING, Event, Rollout, Settle
from toolkit.engine.rollouts import Rollouts, Standing
from toolkit.lifecycle import naming
from toolkit.ports.context import Context


def rollouts(ctx: Context) -> Rollouts:
    return Rollouts(ctx.store, ctx.target, naming.endpoint(ctx), actor=ctx.actor, clock=ctx.clock)


def unfinished(rollout: Rollout, current: Release | None) -> bool:
    """Whether it was ruled that the challenger is champion, and the release (which comes last) does not say so yet."""
    return current is not None and rollout.phase == "promoted" and current.model_version == rollout.challenger


def require_rest(ctx: Context, what: str) -> None:
    """Conflict while a rollout is on its way."""
    rollout = rollouts(ctx).standing().rollout
    if rollout.phase not in RESTING and rollout.phase != "retraining":
        now = f"version {rollout.challenger} is {rollout.phase}"
        raise Conflict(f"{what}: {now}", hint="toolkit status; toolkit rollback ends a rollout")


def settle(ctx: Context, version: int, why: str) -> None:
    """All traffic goes to `version` without a rollout. Conflict: one is on its way. Nothing where there never was."""
    standing = rollouts(ctx).standing()
    if standing.number and standing.rollout.champion != version:
        append(ctx, Settle(version=version, why=why), standing)


def append(ctx: Context, event: Event, standing: Standing | None = None) -> Standing:
    """Write an event on top of what stands: the same caller on the same standing writes it once."""
    on = standing or rollouts(ctx).standing()
    op = digest.of_value([type(event).__name__, on.number, on.last, ctx.actor])[:20]
    return rollouts(ctx).happened(event, op=op)
