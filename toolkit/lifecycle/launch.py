"""Send a challenger out beside what serves: published first, then one entry in the rollout journal, then the route.

It builds bundles, so it is a step of its own: the tick that goes on from there (`delivery`) runs in a function.

The provider splits the traffic where it can, at random for each call. With `rollout.sticky`, and where it cannot, both
models are published in one function that tells requests apart (`serving.router`), once for each stage.
"""

from __future__ import annotations

from typing import Any

from toolkit.domain import digest
from toolkit.domain.errors import Conflict, NotFound, PlanError
from toolkit.domain.records import Release
from toolkit.engine.rollout import MOVING, RESTING, Begin
from toolkit.engine.rollouts import Standing
from toolkit.lifecycle import deploy, expected, find, naming
from toolkit.lifecycle.delivery import finish, reconcile
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
    passed: bool = False,
) -> Standing:
    """Send `version` (default: the challenger, if it was not sent back, else the latest) out. The same again while it
    is on its way: goes on. `passed`: its gates were judged already (else they are, and only decide what the judge
    expects of it).

    Raises Conflict (another rollout is on its way, or it serves already), NotFound (nothing is deployed yet), PlanError
    (the model is read from the bucket; a shadow where no rows are kept to replay, or no version runs beside another),
    Untrusted, GateFailed (over the serve budget).
    """
    finish(ctx)
    current = naming.releases(ctx).current()
    if current is None:
        raise NotFound("nothing is deployed yet that a challenger could be compared with", hint="toolkit deploy")
    chosen = _candidate(ctx, version)
    _possible(ctx, current, shadowed)
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
    foreseen = expected.run(ctx, current.model_version, chosen, passed=passed)
    release = deploy.provision(ctx, chosen, reason=reason)
    split = _split(ctx, current, chosen, shares)
    event = Begin(champion=current.model_version, challenger=chosen, shares=shares, time=ctx.clock(), shadow=shadowed)
    op = digest.of_value([ctx.actor, ctx.clock(), chosen])[:20]
    how = {"bake": bake or ctx.project.rollout.bake, "reason": reason, "expected": foreseen, **split}
    standing = journal.begin(event, release, how, op=op)
    registry = Registry(ctx.store, ctx.project.model_name)
    registry.move(CHALLENGER, to=chosen, actor=ctx.actor, reason=reason, op=f"{op}/challenger", time=ctx.clock())
    return reconcile(ctx, standing)


def _candidate(ctx: Context, version: int | None) -> int:
    if version is not None:
        return find.version(ctx, version).version
    aliases = Registry(ctx.store, ctx.project.model_name).aliases()
    champion, challenger = aliases.get(CHAMPION, 0), aliases.get(CHALLENGER, 0)
    rollout = rollouts(ctx).standing().rollout
    sent_back = rollout.challenger if rollout.phase == "rolled back" else 0
    return challenger if challenger > champion and challenger != sent_back else find.version(ctx, "latest").version


def _split(ctx: Context, current: Release, chosen: int, shares: tuple[float, ...]) -> dict[str, Any]:
    """{} where the provider splits the traffic; else {"sticky", "routers": stage -> function version with both}.

    All stages are published before the first: a tick, and above all the way back, only moves traffic."""
    stages = [(stage, share) for stage, share in enumerate(shares) if share < 1]
    sticky = ctx.project.rollout.sticky
    if not stages or not (sticky or not ctx.provider("functions").offers("functions.weights")):
        return {}
    key = digest.of_value([naming.endpoint(ctx), current.model_version, chosen, ctx.clock()])[:32]
    made = deploy.routers(ctx, current.model_version, chosen, [(share, sticky) for _, share in stages], key)
    return {"sticky": sticky, "routers": {str(stage): name for (stage, _), name in zip(stages, made, strict=True)}}


def told(ctx: Context, shares: tuple[float, ...]) -> str:
    """Who splits the traffic, and how: for people."""
    sticky = ctx.project.rollout.sticky
    if all(share == 1 for share in shares):
        return "none: all of it at once"
    if sticky:
        kind, _, name = sticky.partition(":")
        return f"by our own function, by the {kind} {name}: equal values always get the same version"
    if ctx.provider("functions").offers("functions.weights"):
        return "by the provider, at random for each call"
    return "by our own function, at random for each call"


def _possible(ctx: Context, current: Release, shadowed: bool) -> None:
    if current.source == "bucket":
        raise PlanError(
            "the endpoint reads its model from the bucket: all of its workers serve one version",
            hint='[serve] model = "baked", then toolkit deploy',
        )
    who = ctx.provider("functions")
    if shadowed and not who.offers("functions.beside"):
        raise PlanError(
            f"a shadow is asked beside the version that serves, and {who.title}, as {ctx.target} is set, runs no "
            "version beside another",
            hint="toolkit deploy --canary 5%,25%,100%: our own function splits the traffic",
        )
    if shadowed and not ctx.project.serve.capture.features:
        raise PlanError(
            "a shadow is replayed from captured rows, and none are kept", hint="[serve.capture] features = true"
        )
