"""`toolkit resume`: and now go on."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options


@click.command()
@options
def command(session: Session) -> None:
    """Go on with a rollout that was held; its stage begins anew."""
    from toolkit.cli.commands.rollout import said
    from toolkit.lifecycle import delivery

    standing = delivery.resume(session.context)
    session.emit("resume.v1", {"rollout": standing.rollout}, lambda: said(standing))
