"""`toolkit deploy`: the plan, carried out."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options


@click.command()
@click.option("--version", type=int, help="Model version; default: the champion.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options
def command(session: Session, version: int | None, yes: bool) -> None:
    """Deploy a model version as a function with a URL, and its drift check on a schedule."""
    from toolkit.cli.commands.plan import said
    from toolkit.lifecycle import deploy

    ctx = session.context
    made = deploy.plan(ctx, version)
    if made.changes and not yes:
        click.echo(said(made), err=True)
        session.confirm("Carry this out?", yes, expect=ctx.target if deploy.protected(ctx) else "")
    done = deploy.run(ctx, version)
    data = {"release": done.release, "url": done.url, "actions": done.plan.changes, "notes": done.notes}
    lines = [
        f"{done.release.endpoint} serves version {done.release.model_version} of {done.release.model}",
        f"  {done.url}/predict",
        *(f"  {note}" for note in done.notes),
    ]
    session.emit("deploy.v1", data, "\n".join(lines))
