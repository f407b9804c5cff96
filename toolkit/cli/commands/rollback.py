"""`toolkit rollback`: one journal entry and one route."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, targets


@click.command()
@click.option("--to", "version", type=int, help="Version to go back to; default: the previous champion.")
@click.option("--reason", default="by hand", show_default=True, help="Recorded in the journal.")
@targets
def command(session: Session, version: int | None, reason: str) -> None:
    """Put the previous champion back, in a second and without a rebuild."""
    from toolkit.lifecycle import switch

    if version is None and session.into is not None:  # several targets: one registry is not gone back through twice
        version = session.once("version", lambda: switch.previous(session.context))
    done = switch.rollback(session.context, version=version, reason=reason)
    text = f"{done['model']}: champion is version {done['version']} again (was {done['previous']})"
    if done["endpoint"]:
        text += f"\n{done['endpoint']} serves version {done['version']}"
    session.emit("rollback.v1", done, text)
