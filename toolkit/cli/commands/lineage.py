"""`toolkit lineage`."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options


@click.command()
@click.argument("what", default="champion")
@options
def command(session: Session, what: str) -> None:
    """Trace WHAT (a prediction id, model version or alias, run id, dataset version) to what it came from."""
    from toolkit.lifecycle import find

    found = find.lineage(session.context, what)
    lines = [f"{'  ' * step['depth']}{step['kind']} {step['id']}  {step['note']}" for step in found["steps"]]
    session.emit("lineage.v1", found, "\n".join(lines))
