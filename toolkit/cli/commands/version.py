"""`toolkit version`."""

from __future__ import annotations

import platform

import click

from toolkit import __version__
from toolkit.cli.common import Session, options


@click.command()
@options
def command(session: Session) -> None:
    """Print the version."""
    data = {"version": __version__, "python": platform.python_version(), "platform": platform.platform()}
    session.emit("version.v1", data, f"toolkit {__version__} (driftloop), Python {data['python']}")
