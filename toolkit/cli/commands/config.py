"""`toolkit config show`: what is in force, and why."""

from __future__ import annotations

from typing import Any

import click

from toolkit.cli.common import Session, options, table


@click.group()
def command() -> None:
    """Show the configuration and where each value came from."""


@command.command()
@click.option("--origin", is_flag=True, help="Also say where each value came from.")
@options
def show(session: Session, origin: bool) -> None:
    """Print every value in force for the target."""
    from toolkit.bootstrap import files, layers

    source = files.find(session.directory, session.config)
    layered = layers.merge(source, session.target, session.overrides)
    rows = [
        {"key": key, "value": value, "origin": layered.origins.get(key, "default")}
        for key, value in _flat(layered.project.model_dump(mode="json"))
        if not key.startswith("targets.") or key.startswith(f"targets.{layered.target}.")
    ]
    data = {"target": layered.target, "file": str(source.path), "values": rows}
    headers = ("key", "value", "origin") if origin else ("key", "value")
    session.emit("config.v1", data, lambda: table(headers, ([repr_(row[h]) for h in headers] for row in rows)))


def repr_(value: Any) -> str:
    return value if isinstance(value, str) and value else repr(value)


def _flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [pair for key, inner in value.items() for pair in _flat(inner, f"{prefix}{key}.")]
    return [(prefix.rstrip("."), value)]
