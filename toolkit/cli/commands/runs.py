"""`toolkit runs ls|show|compare`."""

from __future__ import annotations

from typing import Any

import click

from toolkit.cli.common import Session, number, options, table


@click.group()
def command() -> None:
    """List, show and compare runs."""


@command.command()
@click.option("--model", default="", help="Only runs of this model.")
@click.option("-n", "limit", default=50, show_default=True, help="At most this many.")
@options
def ls(session: Session, model: str, limit: int) -> None:
    """List runs, newest first."""
    from toolkit.lifecycle import runs

    found = runs.ls(session.context, model=model, limit=limit)
    session.emit("runs.ls.v1", {"runs": found}, lambda: _listed(found))


@command.command()
@click.argument("run_id", default="latest")
@options
def show(session: Session, run_id: str) -> None:
    """Show a run: what it was made of, its metrics, its end."""
    from toolkit.lifecycle import runs

    found = runs.show(session.context, run_id)
    session.emit("runs.show.v1", {"run": found}, lambda: table(["key", "value"], _lines(found)))


@command.command()
@click.argument("run_ids", nargs=-1, required=True)
@options
def compare(session: Session, run_ids: tuple[str, ...]) -> None:
    """Put runs side by side: parameters and metrics that differ."""
    from toolkit.lifecycle import runs

    found = runs.compare(session.context, list(run_ids))
    headers = ["what", *[r[:12] for r in found["runs"]]]
    rows = [[row["name"], *[_cell(v) for v in row["values"]]] for row in found["rows"]]
    session.emit("runs.compare.v1", found, lambda: table(headers, rows))


def _listed(found: list[dict[str, Any]]) -> str:
    metrics = list(dict.fromkeys(name for run in found for name in run["metrics"]))[:4]
    rows = [
        (r["id"], r["status"], r["reason"], r["created"][:19], *[_cell(r["metrics"].get(m, "")) for m in metrics])
        for r in found
    ]
    return table(("run", "status", "reason", "created", *metrics), rows)


def _cell(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _lines(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [line for key, inner in value.items() for line in _lines(inner, f"{prefix}{key}.")]
    return [(prefix.rstrip("."), _cell(value))]
