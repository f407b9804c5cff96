"""Another version at once: nothing is built, nothing is uploaded.

One journal entry moves the alias; then one call moves the traffic to a function version that is still there. Where the
model is read from the bucket there is no call: the entry that says what is served is what the function looks at.
"""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain.errors import NotFound
from toolkit.domain.records import ModelVersion, Release
from toolkit.engine.rollout import MOVING
from toolkit.lifecycle import delivery, find, naming, place, standing, trust
from toolkit.lifecycle import rollback as registry_rollback
from toolkit.ports.context import Context
from toolkit.state.registry import CHAMPION, Registry


def rollback(ctx: Context, *, version: int | None = None, reason: str = "by hand") -> dict[str, Any]:
    """The champion is the previous one again (or `version`), and the endpoint serves it, if there is one.

    NotFound: there is no earlier champion, or what should serve was never deployed (then deploy it). Untrusted: the
    policy forbids to go back, or the version's signature does not hold; then nothing was moved.
    """
    if version is None and standing.rollouts(ctx).standing().rollout.phase in (*MOVING, "held"):
        return _back(ctx, reason)
    delivery.finish(ctx)
    standing.require_rest(ctx, f"version {version} cannot take over")
    target = version if version is not None else Registry(ctx.store, ctx.project.model_name).previous(CHAMPION)
    if target:
        trust.check(ctx, find.version(ctx, target))
    moved = registry_rollback.run(ctx, version=version, reason=reason)
    release = activate(ctx, moved.version, reason=f"rollback: {reason}")
    return {
        "model": ctx.project.model_name,
        "version": moved.version,
        "previous": moved.previous,
        "reason": reason,
        "endpoint": release.endpoint if release else "",
        "url": release.url if release else "",
    }


def previous(ctx: Context) -> int | None:
    """The champion before this one, if there was one."""
    return Registry(ctx.store, ctx.project.model_name).previous(CHAMPION)


def _back(ctx: Context, reason: str) -> dict[str, Any]:
    """Out of a rollout: its challenger is sent back, the champion stays champion."""
    stood = delivery.abort(ctx, reason).rollout
    release = naming.releases(ctx).current()
    return {
        "model": ctx.project.model_name,
        "version": stood.champion,
        "previous": stood.challenger,
        "reason": reason,
        "endpoint": release.endpoint if release else "",
        "url": release.url if release else "",
    }


def activate(ctx: Context, version: int, *, reason: str) -> Release | None:
    """Route the endpoint to the newest release of a model version that is still provisioned. None: not deployed."""
    releases = naming.releases(ctx)
    current = releases.current()
    if current is None:
        return None
    if current.model_version == version:
        return current
    if current.source == "bucket":
        return announce(ctx, find.version(ctx, version), reason=reason)
    earlier = [r.release for r in releases.history() if r.release.model_version == version]
    if not earlier:
        raise NotFound(
            f"version {version} was never deployed on target {ctx.target}: there is nothing to switch to",
            hint=f"toolkit deploy --version {version}",
        )
    chosen = earlier[-1]
    standing.settle(ctx, version, reason)
    state = ctx.functions.route(chosen.function, {chosen.function_version: 1.0})
    released = msgspec.structs.replace(chosen, reason=reason, url=state.url)
    releases.record(released, rollback=_content(releases.previous()) == _content(chosen))
    return released


def announce(ctx: Context, version: ModelVersion, *, reason: str) -> Release | None:
    """Say what an endpoint that reads its model from the bucket serves from now on. None: there is none such.

    Untrusted: the function would refuse it, so it is not said.
    """
    releases = naming.releases(ctx)
    current = releases.current()
    if current is None or current.source != "bucket":
        return None
    trust.check(ctx, version)
    place.model(ctx, version)
    standing.settle(ctx, version.version, reason)  # or a tick would carry out the last rollout's promotion again
    released = msgspec.structs.replace(
        current, model_version=version.version, model_digest=version.digest, reason=reason
    )
    releases.record(released, rollback=_content(releases.previous()) == _content(released))
    return released


def _content(release: Release | None) -> tuple[str, str, int] | None:
    return (release.function, release.function_version, release.model_version) if release else None
