"""`toolkit retrain`: the loop's turn, by hand."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options


@click.command()
@click.option("--reason", default="by hand", show_default=True)
@click.option("--until", default="", metavar="TIME", help="Train on data up to this event time; default: all.")
@options
def command(session: Session, reason: str, until: str) -> None:
    """Train on what is new; promote and deploy the challenger if it passes the gates."""
    from toolkit.lifecycle import retrain

    done = retrain.run(session.context, reason=reason, window=until)
    session.emit("retrain.v1", done, f"{done.decision}: {done.why}")
