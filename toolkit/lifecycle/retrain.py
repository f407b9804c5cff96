"""A turn of the loop: one event, at most one run; a challenger that has to beat the champion; a reason on record.

Keyed by (model, reason, window): however often an event is delivered, one run comes of it. Cooldown and the monthly
budgets are decided from the same journal (`ask`), so that two events at once cannot both pass. What was decided and why
is an entry of that journal, shown by `toolkit status`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.domain import times
from toolkit.domain.errors import DataError, GateFailed, TrainingFailed, Untrusted
from toolkit.engine.rollout import shares
from toolkit.lifecycle import ask, deploy, ingest, launch, naming, promote, train
from toolkit.lifecycle.ask import BY_HAND
from toolkit.lifecycle.lock import exclusively
from toolkit.ports.context import Context
from toolkit.state.triggers import Triggers


@dataclass(frozen=True)
class Turn:
    """`decision`: promoted, stayed (a gate refused), failed (no model came of it), challenger (waits for a person),
    rollout (it goes out stage by stage), refused (no run was started)."""

    decision: str
    why: str
    trained: bool
    run: Any = None


def run(ctx: Context, *, reason: str, window: str = "") -> Turn:
    """`window` is the end of the triggering window: training sees data up to there. Every call "by hand" is an event of
    its own; one by hand that comes as an event has words after that, which tell it from others.

    An accepted event whose run died before its end is taken up again by the next delivery of the same event; one that
    is at work right now is left to it (Locked).
    """
    with exclusively(ctx, "retrain"):
        return _once(ctx, reason, window)


def _once(ctx: Context, reason: str, window: str) -> Turn:
    asked = ask.run(ctx, reason=f"{BY_HAND} {ctx.clock()}" if reason == BY_HAND else reason, window=window)
    if not asked.accepted:
        return Turn("refused", asked.why, trained=False)
    if asked.decision:
        return Turn("refused", f"decided already for this window: {asked.decision}, {asked.decided}", trained=False)
    began = times.parse(ctx.clock())
    turn = _turn(ctx, reason, window)
    hours = (times.parse(ctx.clock()) - began).total_seconds() / 3600
    triggers = Triggers(ctx.store, ctx.project.model_name)
    triggers.conclude(asked, turn.decision, turn.why, actor=ctx.actor, time=ctx.clock(), hours=hours)
    return turn


def _turn(ctx: Context, reason: str, window: str) -> Turn:
    try:
        dataset = ingest.run(ctx, until=window)
        result = train.run(ctx, dataset=dataset, reason=f"{reason} {window}".strip())
    except GateFailed as error:  # a result: the champion stays, people are told why
        return Turn("stayed", str(error), trained=False)
    except (DataError, TrainingFailed) as error:
        return Turn("failed", str(error), trained=False)
    if result.version is None:
        return Turn("failed", f"the run ended {result.view.status}", trained=True)
    promote.run(ctx, result.version, alias="challenger", gates=False, reason=reason)
    if not ctx.project.retrain.promote:
        return Turn("challenger", f"version {result.version} waits for `toolkit promote`", trained=True, run=result)
    stages = ctx.project.rollout.retrained
    try:
        if stages and naming.releases(ctx).current() is not None:
            judged = promote.judge(ctx, result.version)
            why = f"{reason} {window}".strip()
            launch.run(ctx, result.version, shares=shares(stages), reason=why, passed=True)
            why = "; ".join(g.why for g in judged if g.gate == "max_drop") or "its gates passed"
            return Turn("rollout", f"version {result.version} goes out: {why}", trained=True, run=result)
        done = promote.run(ctx, result.version, reason=f"{reason} {window}".strip())
    except GateFailed as refused:
        return Turn("stayed", str(refused), trained=True, run=result)
    except Untrusted as refused:  # trained where no key is: a person with one vouches for it
        return Turn("challenger", f"{refused}; {refused.hint}", trained=True, run=result)
    compared = "; ".join(g.why for g in done.gates if g.gate == "max_drop")
    if naming.releases(ctx).current() is not None and not done.endpoint:
        deploy.run(ctx, result.version, reason=reason, kinds=deploy.PARTS)
    return Turn("promoted", f"version {result.version} is champion: {compared or 'its gates passed'}", True, result)
