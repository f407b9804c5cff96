"""What functions and jobs printed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from toolkit.domain.specs import LogLine
from toolkit.lifecycle import naming, runs
from toolkit.ports.context import Context


def follow(ctx: Context, *, run_id: str = "", drift: bool = False) -> Iterator[LogLine]:
    """What is there and what comes; ends when a run ends."""
    return _lines(ctx, run_id, drift, follow=True)


def tail(ctx: Context, limit: int, *, run_id: str = "", drift: bool = False) -> list[LogLine]:
    """The last `limit` lines, oldest first. NotFound if there is no such function or run."""
    return list(deque(_lines(ctx, run_id, drift, follow=False), maxlen=limit))


def _lines(ctx: Context, run_id: str, drift: bool, *, follow: bool) -> Iterator[LogLine]:
    if run_id:
        return runs.logs(ctx, run_id, follow=follow)
    name = naming.function_name(ctx, "drift-check" if drift else "inference")
    ctx.functions.observe(name)
    return ctx.functions.logs(name, follow=follow)
