"""Housekeeping: what has outlived its use goes; what decides anything (journals, models, datasets, runs) stays.

The drift check's tick lets captures expire and counts be compacted by itself; `toolkit gc` does all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from toolkit.domain import times
from toolkit.lifecycle import find, naming
from toolkit.lifecycle.standing import rollouts
from toolkit.ports.context import Context
from toolkit.ports.store import Meta
from toolkit.quality.baseline import from_bytes
from toolkit.state import keys, profiles, service
from toolkit.state.blobs import Blobs
from toolkit.state.runs import Runs

KEPT_IDLE = 5  # published versions of a function without traffic: what a rollback can still reach


def run(ctx: Context) -> dict[str, int]:
    """{"captures", "service", "profiles_compacted", "versions", "runs_compacted"}: how many of each."""
    return {
        "captures": expire(ctx),
        "service": expire_service(ctx),
        "profiles_compacted": compact(ctx, most=10_000),
        "versions": _old_versions(ctx),
        "runs_compacted": Runs(ctx.store).compact(at_least=1),
    }


def expire(ctx: Context) -> int:
    """Delete captured predictions (and the features in them) older than `serve.capture.retention`."""
    return _expire(ctx, keys.captures(ctx.target, naming.endpoint(ctx)))


def expire_service(ctx: Context) -> int:
    """Delete counts of requests, and events that could not be read, as old as captures that expire."""
    where = (ctx.target, naming.endpoint(ctx))
    return _expire(ctx, keys.services(*where)) + _expire(ctx, keys.deadletters(*where))


def _expire(ctx: Context, prefix: str) -> int:
    age = timedelta(seconds=times.seconds(ctx.project.serve.capture.retention))
    stop = keys.stamp(times.text(times.parse(ctx.clock()) - age))
    expired = [meta.key for meta in _before(ctx, prefix, prefix + stop)]
    for key in expired:
        ctx.store.delete(key)
    return len(expired)


def compact(ctx: Context, *, most: int = 48) -> int:
    """Add up the counts of hours and days gone by, of what is served now and was before; `most` periods at a time."""
    done = service.compact(ctx.store, ctx.target, naming.endpoint(ctx), now=ctx.clock(), most=most)
    released = {r.release.model_digest: r.release.model_version for r in naming.releases(ctx).history()}
    for model_digest, version in released.items():
        role = find.manifest(ctx, find.version(ctx, version)).files.get("profile")
        if role and done < most:
            baseline, room = from_bytes(Blobs(ctx.store).get(role)), most - done
            done += profiles.compact(
                ctx.store, ctx.target, naming.endpoint(ctx), baseline, model_digest, now=ctx.clock(), most=room
            )
    return done


def _before(ctx: Context, prefix: str, stop: str) -> Iterator[Meta]:
    for meta in ctx.store.list(prefix):
        if meta.key >= stop:
            return
        yield meta


def _old_versions(ctx: Context) -> int:
    """Published versions without traffic, but for the newest few and what a rollout may yet need."""
    removed, needed = 0, _needed(ctx)
    for state in list(ctx.functions.list(ctx.tags())):
        idle = [v for v in sorted(state.versions, key=int) if not state.weights.get(v)]
        for version in [v for v in idle[:-KEPT_IDLE] if (state.name, v) not in needed]:
            ctx.functions.remove_version(state.name, version)
            removed += 1
    return removed


def _needed(ctx: Context) -> set[tuple[str, str]]:
    """(function, version) of what is released and of what the latest rollout goes through."""
    standing, current = rollouts(ctx).standing(), naming.releases(ctx).current()
    found = {(r.function, r.function_version) for r in (standing.release, current) if r is not None}
    if standing.release is not None:
        found |= {(standing.release.function, str(v)) for v in standing.how.get("routers", {}).values()}
    return found
