"""`toolkit gc`: housekeeping."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, options


@click.command()
@options
def command(session: Session) -> None:
    """Let expired captures go, remove old function versions, compact the index of runs. Journals and models stay."""
    from toolkit.lifecycle import gc

    done = gc.run(session.context)
    text = f"{done['captures']} expired captures and {done['versions']} old versions removed, "
    session.emit(
        "gc.v1",
        done,
        text + f"{done['profiles_compacted']} periods of counts and {done['runs_compacted']} runs compacted",
    )
