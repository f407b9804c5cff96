"""The operator's half of a target: opened from the providers' own word for it, planned, carried out.

A hybrid target has several providers; each of them that has an operator's half gets its turn.
"""

from __future__ import annotations

import importlib

from toolkit.domain.errors import Unsupported, missing_extra
from toolkit.domain.plan import SIGNS, Plan
from toolkit.ports.context import Context
from toolkit.ports.operator import Operator


def operators(ctx: Context) -> dict[str, Operator]:
    """Provider -> its operator's half. Unsupported where none of the target's has one."""
    # of two tables of one provider, the one with the functions: a store of one's own has its own operator
    bindings = {binding.provider: binding for binding in [*ctx.bindings.values(), ctx.bindings["functions"]]}
    found = {}
    for name, binding in sorted(bindings.items()):
        declared = ctx.providers[name]
        if not declared.operator:
            continue
        module, _, attribute = declared.operator.partition(":")
        try:
            found[name] = getattr(importlib.import_module(module), attribute)(binding.settings, ctx.tags())
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "toolkit":
                raise
            raise missing_extra(str(error.name), declared.extra or name) from error
    if not found:
        raise Unsupported(
            f"nothing has to be prepared for target {ctx.target!r}: {', '.join(sorted(bindings))} makes what it needs",
            hint="toolkit deploy",
        )
    return found


def carry_out(ctx: Context, operator: Operator, plan: Plan) -> None:
    """The plan's changes, in order."""
    with ctx.report.track("bootstrap", len(plan.changes)) as advance:
        for action in plan.changes:
            ctx.report.say(f"  {SIGNS[action.action]} {action.kind} {action.name}: {action.why}")
            operator.carry_out(action)
            advance(1)
