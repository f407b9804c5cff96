"""Send a challenger out beside what serves: published first, then one entry in the rollout journal, then the route.

It builds bundles, so it is a step of its own: the tick that goes on from there (`delivery`) runs in a function.
"""

from __future__ import annotations

from toolkit.domain import digest
from toolkit.domain.errors import Conflict, NotFound, PlanError
from toolkit.domain.records import Release
from toolkit.engine.rollout import MOVING, RESTING, Begin
from toolkit.engine.rollouts import Standing
from toolkit.lifecycle import deploy, find, naming
from toolkit.lifecycle.delivery import reconcile
from toolkit.lifecycle.standing import rollouts
from toolkit.ports.context import Context
from toolkit.state.registry import CHALLENGER, CHAMPION, Registry


def run(
    ctx: Context,
    version: int | None = None,
    *,
    shares: tuple[float, ...],
    shadowed: bool = False,
    bake: str = "",
    reason: str = "rollout",
) -> Standing:
    """Send `version` (default: the challenger, else the latest) out. The same again while it is on its way: goes on.

    Raises Conflict (another rollout is on its way, or it serves already), NotFound (nothing is deployed yet), PlanError
    (this target cannot split traffic, or keeps no rows to replay), Untrusted, GateFailed (over the serve budget).
    """
    current = naming.releases(ctx).current()
    if current is None:
        raise NotFound("nothing is deployed yet that a challenger could be compared with", hint="toolkit deploy")
    chosen = _candidate(ctx, version)
    _possible(ctx, current, shares, shadowed)
    journal, standing = rollouts(ctx), rollouts(ctx).standing()
    if standing.rollout.phase in MOVING and standing.rollout.challenger == chosen:
        return reconcile(ctx, standing)
    if standing.rollout.phase not in RESTING:
        raise Conflict(
            f"version {standing.rollout.challenger} is {standing.rollout.phase}: one rollout at a time",
            hint="toolkit status; toolkit rollback ends it",
        )
    if chosen == current.model_version:
        raise Conflict(f"version {chosen} serves already", hint="toolkit status")
    release = deploy.provision(ctx, chosen, reason=reason)
    event = Begin(champion=current.model_version, challenger=chosen, shares=shares, time=ctx.clock(), shadow=shadowed)
    op = digest.of_value([ctx.actor, ctx.clock(), chosen])[:20]
    how = {"bake": bake or ctx.project.rollout.bake, "reason": reason}
    standing = journal.begin(event, release, how, op=op)
    registry = Registry(ctx.store, ctx.project.model_name)
    registry.move(CHALLENGER, to=chosen, actor=ctx.actor, reason=reason, op=f"{op}/challenger", time=ctx.clock())
    return reconcile(ctx, standing)


def _candidate(ctx: Context, version: int | None) -> int:
    if version is not None:
        return find.version(ctx, version).version
    aliases = Registry(ctx.store, ctx.project.model_name).aliases()
    champion, challenger = aliases.get(CHAMPION, 0), aliases.get(CHALLENGER, 0)
    return challenger if challenger > champion else find.version(ctx, "latest").version


def _possible(ctx: Context, current: Release, shares: tuple[float, ...], shadowed: bool) -> None:
    provider = ctx.provider("functions")
    if any(share < 1 for share in shares) and not provider.offers("functions.weights"):
        raise PlanError(
            f"{provider.title} cannot split traffic between versions",
            hint="--blue-green, or another functions provider",
        )
    if current.source == "bucket":
        raise PlanError(
            "the endpoint reads its model from the bucket: all of its workers serve one version",
            hint='[serve] model = "baked", then toolkit deploy',
        )
    if shadowed and not ctx.project.serve.capture.features:
        raise PlanError(
            "a shadow is replayed from captured rows, and none are kept", hint="[serve.capture] features = true"
        )
