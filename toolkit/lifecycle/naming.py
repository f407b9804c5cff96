"""What the endpoint of a target and its functions are called."""

from __future__ import annotations

from toolkit.domain import names
from toolkit.ports.context import Context


def endpoint(ctx: Context) -> str:
    """The endpoint's name: the model's."""
    return ctx.project.model_name


def function_name(ctx: Context, role: str) -> str:
    """`{project}-{target}-{role}` within every provider's limit; a second model of a project gets its name in."""
    model = [ctx.project.model_name] if ctx.project.model_name != ctx.project.name else []
    return names.resource(ctx.project.name, ctx.target, *model, role, limit=46)
