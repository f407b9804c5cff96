"""Move an alias to a model version, once its gates pass.

Promotion is one journal entry. Whoever appends first wins; the loser is told who did. Compared is with who holds the
alias: where that changes while the gates are judged, the promotion is a conflict and not a surprise. A champion needs
the signature that a deployment would ask for; an endpoint that reads its model from the bucket serves it from then on.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from toolkit.domain.errors import ConfigError
from toolkit.domain.records import ModelVersion
from toolkit.lifecycle import delivery, evaluate, find, place, switch, trust
from toolkit.ports.context import Context
from toolkit.quality import gates as policies
from toolkit.quality.gates import GateResult
from toolkit.state.registry import CHAMPION, Registry


@dataclass(frozen=True)
class Promoted:
    """`previous` is the holder before, 0 for nobody; `gates` what was judged, all passed."""

    alias: str
    version: int
    previous: int
    gates: tuple[GateResult, ...]
    endpoint: str = ""  # that serves it now, without a deployment


def run(
    ctx: Context, version: int | None = None, *, alias: str = CHAMPION, reason: str = "", gates: bool = True
) -> Promoted:
    """Promote `version` (default: the latest) of the project's model.

    Raises GateFailed (each gate that refuses, with measured value and threshold), NotFound, Conflict (the winner),
    DataError (the champion cannot be measured on the candidate's rows), ConfigError (no gates and no reason), Untrusted
    (a champion without a valid signature where one is required).
    """
    if not gates and not reason:
        raise ConfigError("promoting past the gates needs a reason, which is recorded", hint="--no-gates --reason WHY")
    candidate = find.version(ctx, "latest" if version is None else version)
    if alias == CHAMPION:
        delivery.finish(ctx)
    registry = Registry(ctx.store, ctx.project.model_name)
    holder = registry.holder(alias)
    if alias == CHAMPION:
        trust.check(ctx, candidate, back=place.from_bucket(ctx))
    judged = _judged(ctx, candidate, registry.holder(CHAMPION)) if gates else []
    moved = registry.move(
        alias,
        to=candidate.version,
        expect=holder.version if holder else 0,
        actor=ctx.actor,
        reason=reason or "gates passed",
        op=uuid.uuid4().hex,
        time=ctx.clock(),
    )
    served = switch.announce(ctx, candidate, reason=f"promoted: {moved.reason}") if alias == CHAMPION else None
    return Promoted(alias, moved.version, moved.previous, tuple(judged), served.endpoint if served else "")


def judge(ctx: Context, version: int) -> list[GateResult]:
    """Every gate for `version` against the champion, passed; nothing is moved. GateFailed, as `run`."""
    return _judged(ctx, find.version(ctx, version), Registry(ctx.store, ctx.project.model_name).holder(CHAMPION))


def _judged(ctx: Context, candidate: ModelVersion, champion: ModelVersion | None) -> list[GateResult]:
    """Every gate of the configuration, passed; with no champion (or the candidate as champion) only absolute ones."""
    policy = ctx.project.gates
    if champion is None or champion.version == candidate.version or not any(g.max_drop is not None for g in policy):
        return policies.require(policy, candidate.metrics)
    ours, theirs = evaluate.compared(ctx, candidate, champion)
    return policies.require(policy, ours, theirs)
