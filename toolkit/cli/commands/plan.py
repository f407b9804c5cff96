"""`toolkit plan`: `deploy` with a printing executor."""

from __future__ import annotations

import sys

import click

from toolkit.cli.common import Session, targets
from toolkit.domain.plan import SIGNS, Plan


@click.command()
@click.option("--version", type=int, help="Model version; default: the champion.")
@click.option("--exit-code", is_flag=True, help="Exit 8 if anything would change.")
@click.option("--measure", is_flag=True, help="Also start the bundle and say what it costs, per package.")
@targets
def command(session: Session, version: int | None, exit_code: bool, measure: bool) -> None:
    """Show what a deployment would change, and why. Changes nothing."""
    from toolkit.lifecycle import deploy

    made = deploy.plan(session.context, version, measured=measure)
    session.emit("plan.v1", made, lambda: said(made))
    if exit_code and made.changes:
        sys.exit(8)


def said(made: Plan) -> str:
    lines = [f"{SIGNS[a.action]} {a.kind} {a.name}: {a.why}" for a in made.actions]
    lines += [f"! {warning}" for warning in made.warnings]
    lines += made.measured
    counts = ", ".join(
        f"{sum(a.action == verb for a in made.actions)} to {verb}" for verb in ("create", "update", "delete")
    )
    needed = sorted({name for action in made.changes for name in action.permissions})
    if needed:
        lines += ["permissions needed (toolkit export iam prints the policies):", *(f"  {name}" for name in needed)]
    return "\n".join([*lines, f"target {made.target}: {counts}"])
