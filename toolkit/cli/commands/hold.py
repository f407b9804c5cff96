"""`toolkit hold`: a person says wait."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options


@click.command()
@click.option("--reason", default="by hand", show_default=True, help="Recorded in the journal.")
@options
def command(session: Session, reason: str) -> None:
    """Keep the traffic of a rollout where it is until `toolkit resume`; nothing is judged meanwhile."""
    from toolkit.cli.commands.rollout import said
    from toolkit.lifecycle import delivery

    standing = delivery.hold(session.context, reason)
    session.emit("hold.v1", {"rollout": standing.rollout}, lambda: said(standing))
