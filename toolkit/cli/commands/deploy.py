"""`toolkit deploy`: the plan, carried out: at once, or stage by stage beside what serves."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, targets
from toolkit.domain.errors import ConfigError


@click.command()
@click.option("--version", type=int, help="Model version; default: the champion (a rollout: the challenger).")
@click.option("--canary", default="", metavar="STAGES", help="Shares of the traffic, stage by stage: 5%,25%,100%.")
@click.option("--shadow", is_flag=True, help="First let it answer a copy of the traffic, unheard.")
@click.option("--blue-green", is_flag=True, help="All traffic at once, the old version kept until it is sure.")
@click.option("--bake", default="", metavar="TIME", help="How long a stage lasts at least; default: rollout.bake.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@targets
def command(
    session: Session, version: int | None, canary: str, shadow: bool, blue_green: bool, bake: str, yes: bool
) -> None:
    """Deploy a model version as a function with a URL, and its drift check on a schedule."""
    if canary and blue_green:
        raise ConfigError("a canary goes out by shares, blue-green all at once", hint="one of --canary, --blue-green")
    if canary or blue_green or shadow:
        return _out(session, version, canary or "100%", shadow, bake, yes)
    if bake:
        raise ConfigError("--bake is for a rollout", hint="--canary 10% --bake 10m")
    return _at_once(session, version, yes)


def _at_once(session: Session, version: int | None, yes: bool) -> None:
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


def _out(session: Session, version: int | None, stages: str, shadow: bool, bake: str, yes: bool) -> None:
    from toolkit.cli.commands.rollout import said
    from toolkit.domain import times
    from toolkit.engine.rollout import shares
    from toolkit.lifecycle import deploy, launch

    ctx, parts = session.context, shares(stages)
    if bake:
        times.seconds(bake)
    expected = ctx.target if deploy.protected(ctx) else ""
    session.confirm("Send the challenger out?", yes, expect=expected)
    standing = launch.run(ctx, version, shares=parts, shadowed=shadow, bake=bake)
    split = launch.told(ctx, parts)
    data = {"rollout": standing.rollout, "release": standing.release, "split": split}
    lines = [said(standing), f"split {split}; judged every minute", "  toolkit rollout shows how it goes"]
    session.emit("deploy-rollout.v1", data, "\n".join(lines))
