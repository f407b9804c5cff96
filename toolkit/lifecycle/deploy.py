"""Deploy a model version: build its bundles, plan against what is there, carry it out, record the release.

The inference function has the model baked in and its digest pinned in the configuration; with `serve.model = "bucket"`
it has the trusted keys pinned there instead and serves what the endpoint's journal names, so that from then on a
promotion is one entry (`switch.announce`). Either way the version is checked against the trust root first, and the
bundles are signed where a key is at hand. The drift check is a function of its own on a schedule. One lease per
endpoint keeps two deployments apart; a dead one's lease runs out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from toolkit import resources
from toolkit.domain import digest
from toolkit.domain.plan import Desired, Observed, Plan
from toolkit.domain.records import ModelVersion, Release
from toolkit.domain.specs import FunctionSpec, ScheduleSpec
from toolkit.engine import executor, planner
from toolkit.lifecycle import (
    access,
    budget,
    bundling,
    compiled,
    delivery,
    find,
    functions,
    place,
    sign,
    standing,
    trust,
)
from toolkit.lifecycle.compiled import Choice
from toolkit.lifecycle.lock import exclusively
from toolkit.lifecycle.naming import endpoint, function_name, releases
from toolkit.lifecycle.place import from_bucket
from toolkit.packaging.bundle import Bundle
from toolkit.ports.context import Context
from toolkit.resources import bundle as bundles
from toolkit.resources import function, route, schedule, watch

T = TypeVar("T", Desired, Observed)
# What an endpoint is made of, which the cloud's own roles may change: to look at watches takes a right on all of the
# bucket's settings, which is the deployer's.
PARTS = tuple(kind for kind in resources.KINDS if kind != watch.KIND)


@dataclass(frozen=True)
class Deployment:
    plan: Plan
    release: Release
    url: str
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Wanted:
    version: ModelVersion
    inference: FunctionSpec
    drift: FunctionSpec
    bundle: Bundle
    desired: list[Desired]
    warnings: list[str]


def protected(ctx: Context) -> bool:
    config = ctx.project.targets.get(ctx.target)
    return bool(config and config.protected)


def plan(ctx: Context, version: int | None = None, *, measured: bool = False) -> Plan:
    """What `run` would do. Builds the bundles on this machine; changes nothing elsewhere. `measured`: starts the
    inference bundle too and says what that costs."""
    wanted = _wanted(ctx, version)
    made = _planned(ctx, wanted, tuple(resources.KINDS))
    if not measured:
        return made
    found = budget.shown(ctx, wanted.bundle.path, wanted.inference.environment, bundling.python(ctx))
    return msgspec.structs.replace(made, measured=tuple(found))


def run(
    ctx: Context, version: int | None = None, *, reason: str = "deploy", kinds: Collection[str] = tuple(resources.KINDS)
) -> Deployment:
    """`kinds` of things that may be changed; others stay as they are, and nobody looks at them.

    Raises NotFound (no such version), PlanError (the target cannot), Locked (another deployment is at work),
    Untrusted (a signature is missing or wrong, or the policy forbids to go back), GateFailed (over the budget)."""
    delivery.finish(ctx)
    standing.require_rest(ctx, "nothing is deployed")
    wanted = _wanted(ctx, version)
    advice = budget.check(ctx, wanted.bundle.path, wanted.inference.environment, bundling.python(ctx))
    journal = releases(ctx)
    op = digest.of_value([ctx.actor, ctx.clock(), wanted.version.digest])[:20]
    with exclusively(ctx):
        standing.settle(ctx, wanted.version.version, reason)
        made = _planned(ctx, wanted, kinds)
        unsigned = _sign(ctx, wanted)
        if from_bucket(ctx):
            place.model(ctx, wanted.version)
            if journal.current() is None:  # what the function asks for when it starts
                journal.record(_release(ctx, wanted, "", "", reason), op=f"{op}/first")
        executor.execute(ctx, made, journal, op)
        state = ctx.functions.observe(wanted.inference.name)
        release = _release(ctx, wanted, state.url, _version_of(state.spec_digests, wanted.inference), reason)
        current = journal.current()
        if current is None or _content(current) != _content(release):
            provisional = current is not None and not current.function_version
            journal.record(release, op=f"{op}/release", rollback=provisional)  # it takes the other's place
    notes = [f"warning: {warning}" for warning in (*made.warnings, *advice, *unsigned)]
    return Deployment(made, release, state.url, [*notes, *_how_to_stop(ctx)])


def provision(ctx: Context, version: int, *, reason: str) -> Release:
    """Publish `version` beside what serves, with no traffic: the release that it would be. Raises as `run` does."""
    wanted = _wanted(ctx, version)
    budget.check(ctx, wanted.bundle.path, wanted.inference.environment, bundling.python(ctx))
    op = digest.of_value([ctx.actor, ctx.clock(), wanted.version.digest, "provision"])[:20]
    with exclusively(ctx):
        made = _planned(ctx, wanted, PARTS, without=(route.KIND, wanted.inference.name))
        _sign(ctx, wanted)
        executor.execute(ctx, made, releases(ctx), op)
        state = ctx.functions.observe(wanted.inference.name)
    return _release(ctx, wanted, state.url, _version_of(state.spec_digests, wanted.inference), reason)


def _planned(ctx: Context, wanted: _Wanted, kinds: Collection[str], without: tuple[str, str] = ("", "")) -> Plan:
    """To what is wanted from what is there, of `kinds`, `without` one (kind, name)."""

    def meant(things: Iterable[T]) -> list[T]:
        return [thing for thing in things if thing.kind in kinds and (thing.kind, thing.name) != without]

    observed = meant(resources.observe(ctx, kinds))
    return planner.plan(ctx.target, meant(wanted.desired), observed, ctx.provider, wanted.warnings)


def routers(ctx: Context, champion: int, challenger: int, split: Sequence[tuple[float, str]], key: str) -> list[str]:
    """Publish both versions in one function, once for each (challenger's share, what it is told apart by) of `split`,
    with no traffic; the function versions. Raises as `run` does."""
    versions = [find.version(ctx, number) for number in (champion, challenger)]
    for version in versions:
        trust.check(ctx, version)
    manifests = [find.manifest(ctx, version) for version in versions]
    choices = [compiled.choose(ctx, manifest) for manifest in manifests]
    choice = choices[0] if all(one.compiled for one in choices) else Choice(False, "both have to be of one form")
    files = bundling.model_files(ctx, versions[0], choice)
    beside = {f"challenger/{name}": data for name, data in bundling.model_files(ctx, versions[1], choice).items()}
    built = bundling.build(ctx, "inference", {**files, **beside}, choice)
    published = []
    with exclusively(ctx):
        for share, by in split:
            told = {"by": by, "share": share, "key": key, "version": challenger, "digest": versions[1].digest}
            spec = functions.inference(ctx, versions[0], built, split=told)
            what = f"models {champion} and {challenger}, {share:.0%} for the second"
            desired = [_bundle(ctx, built, f"inference with {what}"), function.desired(spec, what)]
            wanted = {(want.kind, want.name) for want in desired}
            here = [thing for thing in resources.observe(ctx, PARTS) if (thing.kind, thing.name) in wanted]
            made = planner.plan(ctx.target, desired, here, ctx.provider)
            sign.bundle(ctx, versions[0], spec.name, spec.bundle, versions[0].digest)
            op = digest.of_value([ctx.actor, ctx.clock(), spec.bundle, share])[:20]
            executor.execute(ctx, made, releases(ctx), op)
            published.append(_version_of(ctx.functions.observe(spec.name).spec_digests, spec))
    return published


def _sign(ctx: Context, wanted: _Wanted) -> list[str]:
    """Sign the bundles, or check what signed them before. What a person should know of those that nothing vouches for:
    the model in them was checked and they were built here, but nobody can verify them later."""
    inside = "" if from_bucket(ctx) else wanted.version.digest
    version = None if from_bucket(ctx) else wanted.version
    signed = {
        wanted.inference.name: sign.bundle(ctx, version, wanted.inference.name, wanted.inference.bundle, inside),
        wanted.drift.name: sign.bundle(ctx, None, wanted.drift.name, wanted.drift.bundle, ""),
    }
    unsigned = [name for name, key in signed.items() if not key] if trust.root(ctx).keys else []
    return [f"the bundle of {', '.join(unsigned)} is not signed: no trusted private key is here"] if unsigned else []


def _version_of(spec_digests: dict[str, str], spec: FunctionSpec) -> str:
    wanted = function.spec_digest(spec)
    return next(version for version, found in spec_digests.items() if found == wanted)


def _release(ctx: Context, wanted: _Wanted, url: str, function_version: str, reason: str) -> Release:
    return Release(
        endpoint=endpoint(ctx),
        target=ctx.target,
        model=ctx.project.model_name,
        model_version=wanted.version.version,
        model_digest=wanted.version.digest,
        bundle=wanted.inference.bundle,
        function=wanted.inference.name,
        function_version=function_version,
        url=url,
        reason=reason,
        configuration=function.spec_digest(wanted.inference),
        source="bucket" if from_bucket(ctx) else "baked",
    )


def _content(release: Release) -> tuple[Any, ...]:
    return (release.model_version, release.model_digest, release.configuration, release.function_version, release.url)


def _how_to_stop(ctx: Context) -> list[str]:
    running = ctx.provider("functions").function_python == "host"
    return ["a background process answers it: stop with `toolkit destroy --yes` or `toolkit dev --stop`"] * running


def _wanted(ctx: Context, number: int | None) -> _Wanted:
    chosen = find.version(ctx, number if number is not None else "champion")
    trust.check(ctx, chosen)
    choice = compiled.choose(ctx, find.manifest(ctx, chosen))
    inference_zip = bundling.inference(ctx, chosen, choice)
    drift_zip = bundling.build(ctx, "drift_check", {})
    inference, drift = functions.inference(ctx, chosen, inference_zip), functions.drift_check(ctx, drift_zip)
    tick = ScheduleSpec(
        name=function_name(ctx, "drift"), expression=ctx.project.monitor.schedule, function=drift.name,
        event={"endpoint": endpoint(ctx)}, tags=ctx.tags(),
    )  # fmt: skip
    what = "the model from the bucket" if from_bucket(ctx) else f"model {chosen.version}"
    desired = [
        _bundle(ctx, inference_zip, f"inference with {what}{', compiled' * choice.compiled}"),
        _bundle(ctx, drift_zip, "drift check"),
        function.desired(inference, what),
        function.desired(drift, "drift check"),
        route.desired(inference.name, function.spec_digest(inference), f"all traffic to {what}"),
        route.desired(drift.name, function.spec_digest(drift), "all calls"),
        schedule.desired(tick),
        *_retraining(ctx, drift.name),
        *functions.watches(ctx, drift.name),
    ]
    unique = list({(d.kind, d.name): d for d in desired}.values())
    warnings = [*inference_zip.warnings, *access.warnings(ctx), *trust.warnings(ctx)]
    return _Wanted(chosen, inference, drift, inference_zip, unique, warnings)


def _retraining(ctx: Context, checker: str) -> list[Desired]:
    """A schedule of its own, where retraining has one: the same function, told so by its event."""
    expression = ctx.project.retrain.schedule
    if not expression:
        return []
    event = {"endpoint": endpoint(ctx), "do": "retrain", "reason": "schedule"}
    spec = ScheduleSpec(
        name=function_name(ctx, "retrain"), expression=expression, function=checker, event=event, tags=ctx.tags()
    )
    return [schedule.desired(spec)]


def _bundle(ctx: Context, built: Bundle, what: str) -> Desired:
    return bundles.desired(
        ctx, path=built.path, sha256=built.digest, size=built.size, unpacked=built.unpacked, what=what
    )
