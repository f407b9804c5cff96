"""`toolkit lineage`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from toolkit.cli.common import Session, options, short, table

if TYPE_CHECKING:
    from toolkit.state.lineage import Trace

KINDS = ("dataset", "run", "model", "release", "prediction")


@click.command()
@click.argument("what", default="champion")
@options
def command(session: Session, what: str) -> None:
    """Trace WHAT (a prediction id, model version or alias, run id, dataset version) to what it came from."""
    from toolkit.lifecycle import find

    found = find.lineage(session.context, what)
    session.emit("lineage.v1", found, lambda: said(found))


def said(found: Trace) -> str:
    """The chain, upstream first, each thing with how it came to be; the one asked for is marked."""
    facts = {node.id: node for node in found.nodes}
    order = sorted(found.nodes, key=lambda node: KINDS.index(node.kind) if node.kind in KINDS else len(KINDS))
    lines = []
    for node in order:
        made = [f"{edge.how} {edge.source}" for edge in found.edges if edge.result == node.id and edge.source in facts]
        known = ", ".join(f"{k} {short(str(v)) if len(str(v)) == 64 else v}" for k, v in list(node.facts.items())[:5])
        lines.append((">" if node.id == found.root else "", node.id, "; ".join(made), known))
    return table(("", "what", "came by", "facts"), lines)
