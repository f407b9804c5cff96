"""`toolkit dev`: this machine as the cloud, in the foreground."""

from __future__ import annotations

from contextlib import suppress

import click

from toolkit.cli.common import Session, options


@click.command()
@click.option("--stop", is_flag=True, help="Stop what plays this target in the background.")
@click.option("--background", is_flag=True, help="Start it and return; it survives the terminal.")
@click.option("--status", is_flag=True, help="Print whether it runs, and where.")
@options
def command(session: Session, stop: bool, background: bool, status: bool) -> None:
    """Answer the target's URLs and fire its schedules; print what the functions print. Ctrl-C stops it.

    For a target with an emulator (`emulator = "moto"` in its table) this starts the emulator in the background, with
    the bucket and the roles that an operator would make. What it holds is in memory, until --stop.
    """
    from toolkit.bootstrap import local

    ctx = session.context
    if stop:
        local.stop(ctx)
        session.emit("dev.v1", {"running": False}, f"nothing of target {ctx.target} runs on this machine any more")
        return
    if status:
        found = local.status(ctx)
        said = f"http://127.0.0.1:{found['port']}  (process {found['pid']})" if found else "nothing runs"
        session.emit("dev.v1", {"running": bool(found), **(found or {})}, said)
        return
    host = local.start(ctx)
    where = f"http://127.0.0.1:{host['port']}"
    if background or local.emulated(ctx):
        session.emit("dev.v1", {"running": True, **host}, f"{where}  (process {host['pid']}; toolkit dev --stop)")
        return
    session.report.say(f"{where}  (Ctrl-C stops it)")
    try:
        with suppress(KeyboardInterrupt):  # how it is meant to end
            _follow(session)
    finally:
        local.stop(ctx)
    session.report.say("stopped")


def _follow(session: Session) -> None:
    """Print log lines until interrupted; without a function yet, wait for one."""
    import time

    from toolkit.domain.errors import NotFound
    from toolkit.lifecycle import logs

    while True:
        try:
            for line in logs.follow(session.context):
                click.echo(f"{line.time[:23]} {line.text}")
        except NotFound:
            time.sleep(1.0)
