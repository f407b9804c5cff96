"""Remove what was deployed, last kind first, and look whether anything is left.

What belongs to the target is found by its tags at the providers, not by what the journal says was made: so what a
deploy that died left behind goes too, and a job that still runs is stopped.
"""

from __future__ import annotations

from typing import Any

from toolkit import resources
from toolkit.domain import digest
from toolkit.domain.errors import NotFound, Unavailable, Unsupported
from toolkit.domain.specs import JOB_FINAL, JobStatus
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
    removed = len(made.changes) + _stop(ctx)
    if purge:
        removed += _purge(ctx)
    left = [f"{thing.kind} {thing.name}" for thing in resources.observe(ctx)]
    left += [f"job {job.name}" for job in _running(ctx)]
    return {"target": ctx.target, "removed": removed, "purged": purge, "left": left}


def _stop(ctx: Context) -> int:
    """Jobs of the target that nobody waits for any more. One that does not stop is left, and is said."""
    stopped = 0
    for job in _running(ctx):
        ctx.report.say(f"  - job {job.name}: still {job.state}")
        try:
            stopped += ctx.jobs.cancel(job.id).state in JOB_FINAL
        except (NotFound, Unavailable) as error:
            ctx.report.warn(error.message)
    return stopped


def _running(ctx: Context) -> list[JobStatus]:
    try:
        return [job for job in ctx.jobs.list(ctx.tags()) if job.state not in JOB_FINAL]
    except Unsupported:  # a target without jobs has none to leave behind
        return []


def _purge(ctx: Context) -> int:
    keys = [meta.key for meta in ctx.store.list()]
    with ctx.report.track("purge", len(keys)) as advance:
        for key in keys:
            ctx.store.delete(key)
            advance(1)
    return len(keys)
