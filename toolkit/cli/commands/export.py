"""`toolkit export`: what others need of a target, in their own formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from toolkit.cli.common import Session, options
from toolkit.domain.errors import AlreadyExists, NotFound


@click.group()
def command() -> None:
    """Write what others need: policies for those who grant them, templates for those who make things."""


@command.command()
@click.option("--role", default="", help="Of this role only.")
@options
def iam(session: Session, role: str) -> None:
    """Print the least-privilege policy of every role, as the provider takes it."""
    from toolkit.bootstrap import operator

    policies: dict[str, Any] = {}
    for half in operator.operators(session.context).values():
        policies |= half.policies()
    if role and role not in policies:
        raise NotFound(f"no role is called {role!r}", hint=f"one of: {', '.join(policies)}")
    shown = {role: policies[role]} if role else policies
    session.emit("export-iam.v1", {"policies": shown}, lambda: json.dumps(policies[role] if role else shown, indent=2))


@command.command()
@click.option("--to", "folder", default="infra", metavar="DIR", help="Where to write them; default: infra.")
@click.option("--force", is_flag=True, help="Over files that are there.")
@options
def infra(session: Session, folder: str, force: bool) -> None:
    """Write the operator's templates with the target's names filled in: what bootstrap makes, for other tools."""
    from toolkit.bootstrap import operator

    root = Path(session.directory, folder)
    files = {
        root / name / path: text
        for name, half in operator.operators(session.context).items()
        for path, text in half.templates().items()
    }
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise AlreadyExists(f"{there[0]} is there already", hint="add --force, or --to DIR")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    written = [str(path) for path in files]
    session.emit("export-infra.v1", {"files": written}, "\n".join(written))
