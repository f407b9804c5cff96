"""`toolkit secrets set|ls|rm`: values are never printed."""

from __future__ import annotations

import sys

import click

from toolkit.cli.common import Session, options, table
from toolkit.domain.errors import ConfigError


@click.group()
def command() -> None:
    """Set, list and remove secrets of the target."""


@command.command("set")
@click.argument("name")
@options
def set_(session: Session, name: str) -> None:
    """Set NAME to what stands on standard input, or to what you type (not echoed)."""
    if sys.stdin.isatty():
        value = click.prompt(f"Value of {name}", hide_input=True, err=True)
    else:
        value = sys.stdin.read().rstrip("\n")
    if not value:
        raise ConfigError(f"no value for secret {name!r}", hint=f"printf %s VALUE | toolkit secrets set {name}")
    session.context.secrets.put(name, value)
    session.emit("secrets.set.v1", {"name": name}, f"secret {name} is set on target {session.context.target}")


@command.command()
@options
def ls(session: Session) -> None:
    """List the names."""
    names = list(session.context.secrets.list())
    session.emit(
        "secrets.ls.v1", {"secrets": [{"name": n} for n in names]}, lambda: table(["name"], ([n] for n in names))
    )


@command.command()
@click.argument("name")
@options
def rm(session: Session, name: str) -> None:
    """Remove NAME."""
    session.context.secrets.delete(name)
    session.emit("secrets.rm.v1", {"name": name}, f"secret {name} is gone from target {session.context.target}")
