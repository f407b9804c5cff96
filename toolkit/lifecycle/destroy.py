"""Remove what was deployed, last kind first, and look whether anything is left."""

from __future__ import annotations

from typing import Any

from toolkit import resources
from toolkit.domain import digest
from toolkit.engine import executor, planner
from toolkit.lifecycle import naming
from toolkit.lifecycle.lock import exclusively
from toolkit.ports.context import Context


def run(ctx: Context, *, purge: bool = False) -> dict[str, Any]:
    """{"removed": n, "left": [what is still there]}. The journal and the models stay, unless `purge`."""
    releases = naming.releases(ctx)
    op = digest.of_value([ctx.actor, ctx.clock(), "destroy"])[:20]
    with exclusively(ctx):
        made = planner.removal(ctx.target, resources.observe(ctx), list(resources.KINDS))
        executor.execute(ctx, made, releases, op)
        if releases.current() is not None:
            releases.removed(f"{op}/removed", "destroy")
    removed = len(made.changes)
    if purge:
        removed += _purge(ctx)
    left = [f"{thing.kind} {thing.name}" for thing in resources.observe(ctx)]
    return {"target": ctx.target, "removed": removed, "purged": purge, "left": left}


def _purge(ctx: Context) -> int:
    keys = [meta.key for meta in ctx.store.list()]
    with ctx.report.track("purge", len(keys)) as advance:
        for key in keys:
            ctx.store.delete(key)
            advance(1)
    return len(keys)
