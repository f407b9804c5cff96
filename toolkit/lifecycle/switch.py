"""Go back: one journal entry moves the alias, one call moves the traffic. Nothing is built, nothing is uploaded."""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.domain.errors import NotFound
from toolkit.domain.records import Release
from toolkit.lifecycle import naming
from toolkit.lifecycle import rollback as registry_rollback
from toolkit.ports.context import Context


def rollback(ctx: Context, *, version: int | None = None, reason: str = "by hand") -> dict[str, Any]:
    """The champion is the previous one again (or `version`), and the endpoint serves it, if there is one.

    NotFound: there is no earlier champion, or what should serve was never deployed (then deploy it).
    """
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


def activate(ctx: Context, version: int, *, reason: str) -> Release | None:
    """Route the endpoint to the newest release of a model version that is still provisioned. None: not deployed."""
    releases = naming.releases(ctx)
    current = releases.current()
    if current is None:
        return None
    if current.model_version == version:
        return current
    earlier = [r.release for r in releases.history() if r.release.model_version == version]
    if not earlier:
        raise NotFound(
            f"version {version} was never deployed on target {ctx.target}: there is nothing to switch to",
            hint=f"toolkit deploy --version {version}",
        )
    chosen = earlier[-1]
    state = ctx.functions.route(chosen.function, {chosen.function_version: 1.0})
    released = msgspec.structs.replace(chosen, reason=reason, url=state.url)
    releases.record(released, rollback=_content(releases.previous()) == _content(chosen))
    return released


def _content(release: Release | None) -> tuple[str, str] | None:
    return (release.function, release.function_version) if release else None
