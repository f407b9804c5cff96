"""`toolkit demo`: the whole loop on real data."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from toolkit.cli.common import Session, options


@click.command()
@click.option("--dir", "folder", default="", metavar="DIR", help="Where; default: a new temporary folder.")
@click.option("--keep", is_flag=True, help="Leave the endpoint running at the end.")
@click.option("--shuffled", is_flag=True, help="Deal the dates out at random first: no season, so no drift to find.")
@options
def command(session: Session, folder: str, keep: bool, shuffled: bool) -> None:
    """Run the whole loop on the real 2013 New York flights: will one arrive more than 15 minutes late?

    Train on January to March, serve, replay the months that follow, find the season's drift, retrain, compare,
    promote; then push a bad model and roll it back.
    """
    from toolkit.cli.demo import environment

    directory = session.directory / folder if folder else Path(tempfile.mkdtemp(prefix="toolkit-demo-"))
    lacking = environment.missing()
    if lacking:
        session.report.say(f"not installed here: {', '.join(lacking)}; installing into {directory / '.venv'}")
        sys.exit(environment.rerun(directory, _arguments(directory, keep, shuffled, session)))
    _tell(session, directory, keep, shuffled)


def _tell(session: Session, directory: Path, keep: bool, shuffled: bool) -> None:
    from toolkit.bootstrap import open_context
    from toolkit.cli.demo.story import Story

    story = Story(
        directory,
        lambda where: open_context(where, target=session.target, overrides=session.overrides, report=session.report),
        session.report,
        shuffled=shuffled,
        keep=keep,
    )
    told = story.tell()
    text = f"{len(told.steps)} steps in {told.seconds:.0f} s on {told.rows:,} flights; everything is in {directory}"
    session.emit("demo.v1", told, text)


def _arguments(directory: Path, keep: bool, shuffled: bool, session: Session) -> list[str]:
    flags = [("--keep", keep), ("--shuffled", shuffled), ("--json", session.as_json), ("--quiet", session.quiet)]
    target = ["--target", session.target] if session.target else []
    return ["--dir", str(directory), *target, *(name for name, given in flags if given)]
