"""`toolkit bootstrap`: what an operator makes once, by SDK."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options
from toolkit.domain.plan import SIGNS, Plan


@click.command()
@click.option("--dry-run", is_flag=True, help="Print the plan and stop.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options
def command(session: Session, dry_run: bool, yes: bool) -> None:
    """Make what a target needs before anybody deploys: bucket, roles, queue. Needs an administrator's rights, once.

    A second time it changes nothing. Nothing is ever deleted. `toolkit export infra` writes the same as templates.
    """
    from toolkit.bootstrap import operator

    ctx = session.context
    found = operator.operators(ctx)
    plans = {name: half.plan() for name, half in found.items()}
    changes = sum(len(plan.changes) for plan in plans.values())
    if changes and not dry_run:
        session.report.say(said(plans))
        session.confirm(f"Make these {changes} things on target {ctx.target}?", yes)
        for name, half in found.items():
            operator.carry_out(ctx, half, plans[name])
    steps = [line for half in found.values() for line in half.next()]
    done = bool(changes) and not dry_run
    data = {"target": ctx.target, "plans": plans, "changed": changes if done else 0, "next": steps}
    text = f"{changes} things made on target {ctx.target}" if done else said(plans)
    session.emit("bootstrap.v1", data, "\n".join([text, *(f"next: {line}" for line in steps)]))


def said(plans: dict[str, Plan]) -> str:
    lines = []
    for name, plan in plans.items():
        lines += [f"{SIGNS[a.action]} {a.kind} {a.name}: {a.why}" for a in plan.actions]
        lines += [f"! {warning}" for warning in plan.warnings]
        made = ", ".join(f"{sum(a.action == verb for a in plan.actions)} to {verb}" for verb in ("create", "update"))
        lines.append(f"{name}, target {plan.target}: {made}")
    return "\n".join(lines)
