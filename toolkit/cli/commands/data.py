"""`toolkit data ingest|ls|show`."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, number, options, short, table


@click.group()
def command() -> None:
    """Ingest the source; list and show dataset versions."""


@command.command()
@click.option("--until", default="", metavar="TIME", help="Only rows up to this event time.")
@options
def ingest(session: Session, until: str) -> None:
    """Read, prepare and check the source; commit a dataset version if anything changed."""
    from toolkit.lifecycle import ingest as step

    dataset = step.run(session.context, until=until)
    text = (
        f"dataset {dataset.name} {short(dataset.version)}: {dataset.rows:,} rows, {len(dataset.schema.columns)} columns"
    )
    session.emit("data.ingest.v1", {"dataset": dataset}, text)


@command.command()
@options
def ls(session: Session) -> None:
    """List dataset versions, newest first."""
    from toolkit.state.datasets import Datasets

    found = list(Datasets(session.context.store).list(session.context.project.name))
    rows = [(short(d.version), d.rows, len(d.schema.columns), d.until[:10], d.created[:19]) for d in found]
    headers = ("version", "rows", "columns", "until", "created")
    session.emit("data.ls.v1", {"datasets": found}, lambda: table(headers, rows))


@command.command()
@click.argument("version", default="latest")
@options
def show(session: Session, version: str) -> None:
    """Show a dataset version: its contract column by column, and what the checks found."""
    from toolkit.lifecycle.find import dataset

    found = dataset(session.context, version)
    rows = [(c.name, c.dtype, c.role, "yes" if c.nullable else "no", _range(c), c.why) for c in found.schema.columns]
    headers = ("column", "type", "role", "nullable", "seen", "why")
    head = f"dataset {found.name} {short(found.version)}: {found.rows:,} rows from {found.source}\n"
    session.emit("data.show.v1", {"dataset": found}, lambda: head + table(headers, rows))


def _range(column: object) -> str:
    low, high = getattr(column, "minimum", None), getattr(column, "maximum", None)
    if low is not None and high is not None:
        return f"{number(low)} .. {number(high)}"
    categories = getattr(column, "categories", None) or ()
    return ", ".join(categories[:5]) + (f" and {len(categories) - 5} more" if len(categories) > 5 else "")
