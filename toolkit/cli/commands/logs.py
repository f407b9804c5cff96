"""`toolkit logs`."""

from __future__ import annotations

from contextlib import suppress

import click

from toolkit.cli.common import Session, options


@click.command()
@click.option("--run", "run_id", default="", help="What a training run printed (an id, or latest).")
@click.option("--drift", is_flag=True, help="The drift check's logs instead of the endpoint's.")
@click.option("-f", "--follow", is_flag=True, help="Keep printing what comes; Ctrl-C stops.")
@click.option("-n", "limit", default=200, show_default=True, help="At most this many of the last lines.")
@options
def command(session: Session, run_id: str, drift: bool, follow: bool, limit: int) -> None:
    """Show what functions or a run printed, oldest first."""
    from toolkit.lifecycle import logs

    ctx = session.context
    if follow and not session.as_json:
        with suppress(KeyboardInterrupt):  # how it is meant to end
            for line in logs.follow(ctx, run_id=run_id, drift=drift):
                click.echo(f"{line.time[:23]} {line.text}")
        return
    lines = logs.tail(ctx, limit, run_id=run_id, drift=drift)
    text = "\n".join(f"{line.time[:23]} {line.text}" for line in lines)
    session.emit("logs.v1", {"lines": lines}, text)
