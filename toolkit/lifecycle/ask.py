"""May a model be trained again? Asked by schedules, drift, labels, new data and people; answered once for each event.

A step of its own, without what training needs: a function asks before it submits a job, so that a refusal costs a
journal entry and not a machine. The job asks again and is given the same answer.
"""

from __future__ import annotations

from toolkit.domain import times
from toolkit.ports.context import Context
from toolkit.state.triggers import Trigger, Triggers

BY_HAND = "by hand"


def run(ctx: Context, *, reason: str, window: str = "") -> Trigger:
    """The first answer to (model, reason, window), for ever. What a person asks for is not refused, but counts.

    `retrain.cooldown` and the two budgets of a month decide: runs, and hours from the start of a turn to its decision;
    until then a run counts with `train.timeout`, and so does one that died.
    """
    policy, by_hand = ctx.project.retrain, reason.startswith(BY_HAND)
    return Triggers(ctx.store, ctx.project.model_name).request(
        reason,
        window,
        actor=ctx.actor,
        time=window or ctx.clock(),
        cooldown_seconds=0.0 if by_hand else times.seconds(policy.cooldown),
        max_per_month=None if by_hand else policy.max_runs_per_month,
        hours=times.seconds(ctx.project.train.timeout) / 3600,
        max_hours=None if by_hand else policy.max_hours_per_month,
    )
