"""Back to the champion before: one journal entry. The endpoint's route is `switch`'s part."""

from __future__ import annotations

import uuid

from toolkit.ports.context import Context
from toolkit.state.registry import CHAMPION, Promotion, Registry


def run(ctx: Context, *, version: int | None = None, reason: str = "by hand", alias: str = CHAMPION) -> Promotion:
    """Give the alias back to its previous holder, or to `version`. NotFound: nobody was before; Conflict: a race."""
    registry = Registry(ctx.store, ctx.project.model_name)
    op, time = uuid.uuid4().hex, ctx.clock()
    if version is None:
        return registry.rollback(alias, actor=ctx.actor, reason=reason, op=op, time=time)
    return registry.move(alias, to=version, actor=ctx.actor, reason=f"rollback: {reason}", op=op, time=time)
