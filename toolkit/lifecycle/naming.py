"""What the endpoint of a target and its functions are called, and where its releases are written."""

from __future__ import annotations

from toolkit.domain import names
from toolkit.ports.context import Context
from toolkit.state.releases import Releases


def endpoint(ctx: Context) -> str:
    """The endpoint's name: the model's."""
    return ctx.project.model_name


def function_name(ctx: Context, role: str) -> str:
    """`{project}-{target}-{role}` within every provider's limit; a second model of a project gets its name in."""
    model = [ctx.project.model_name] if ctx.project.model_name != ctx.project.name else []
    return names.resource(names.stem(ctx.project.name, ctx.target), *model, role, limit=46)


def releases(ctx: Context) -> Releases:
    """The endpoint's journal, with this caller as the actor."""
    return Releases(ctx.store, ctx.target, endpoint(ctx), actor=ctx.actor, clock=ctx.clock)
