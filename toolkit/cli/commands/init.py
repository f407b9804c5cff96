"""`toolkit init`: a project that works as it is."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli.common import Session, options, table


@click.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--from", "source", metavar="FILE", help="Any CSV, Parquet or JSON Lines file.")
@click.option("--label", default="", help="The column to predict (with --from).")
@click.option("--name", default="", help="Name of the project; default: the folder's.")
@options
def command(session: Session, folder: Path | None, source: str | None, label: str, name: str) -> None:
    """Write a new project into FOLDER (default: here): configuration, training function, contract."""
    from toolkit.lifecycle import init

    directory = session.directory / folder if folder else session.directory
    path = session.directory / source if source else None
    report = init.run(directory, source=path, label=label, name=name)
    session.emit("init.v1", report, lambda: _said(report, directory))


def _said(report: object, directory: Path) -> str:
    findings = getattr(report, "findings", ())
    files = ", ".join(getattr(report, "files", ()))
    lines = [f"{directory}: wrote {files}"]
    if findings:
        lines += ["", table(("found", "column", "what"), ((f.kind, f.column, f.text) for f in findings))]
    lines += ["", "next: toolkit train && toolkit promote --yes && toolkit deploy --yes && toolkit invoke --sample 3"]
    return "\n".join(lines)
