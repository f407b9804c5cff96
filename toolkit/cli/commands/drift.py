"""`toolkit drift`: live traffic against the baseline, now (`drift`), as it was (`show`, `list`), or as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from toolkit.cli.common import Session, number, options, table
from toolkit.domain.records import ColumnDrift, DriftReport, Shape

SHOWN = ("p", "limit", "psi", "js", "w1")
BARS = " ▁▂▃▄▅▆▇█"


@click.group(invoke_without_command=True)
@click.option("--since", default="", metavar="TIME", help="Start of the window; default: monitor.window ago.")
@click.option("--until", default="", metavar="TIME", help="End of the window; default: now.")
@click.option("--files", default="", metavar="GLOB", help="Check the rows of Parquet or CSV files instead.")
@click.option("--score", "scores", multiple=True, metavar="COLUMN", help="Of --files: the prediction's column.")
@options
@click.pass_context
def command(
    click_context: click.Context, session: Session, since: str, until: str, files: str, scores: tuple[str, ...]
) -> None:
    """Check live traffic against what the model was trained on. A drift is a result, not a failure: exit 0."""
    if click_context.invoked_subcommand is not None:
        return
    from toolkit.lifecycle import logged, monitor

    if files:
        report = logged.run(session.context, files, scores=scores)
        session.emit("drift.v1", {"report": report, "incident": "none", "new": False, "page": ""}, lambda: said(report))
        return
    checked = monitor.run(session.context, since=since, until=until)
    data = {"report": checked.report, "incident": checked.incident, "new": checked.new, "page": checked.page}
    session.emit("drift.v1", data, lambda: said(checked.report, session.context.store.uri(checked.page)))


@command.command("show")
@click.argument("window", default="")
@click.option("--html", "to", default="", metavar="FILE", help="Write the report as a page that needs nothing else.")
@options
def show(session: Session, window: str, to: str) -> None:
    """Show a report that was made: the latest one, or that of WINDOW (as `drift list` prints it, or its start)."""
    from toolkit.lifecycle import monitor, page

    report = monitor.report(session.context, window)
    if to:
        target = session.directory / to
        target.write_text(page.html(report), encoding="utf-8")
    data: dict[str, Any] = {"report": report, "html": to}
    session.emit("drift-show.v1", data, lambda: "\n".join([pictured(report), *([f"wrote {Path(to)}"] if to else [])]))


@command.command("list")
@options
def history(session: Session) -> None:
    """Every report of the endpoint, by window."""
    from toolkit.lifecycle import monitor

    reports = list(monitor.history(session.context))
    data = [
        {"window": r.window, "verdict": r.verdict, "rows": r.rows, "version": r.model_version, "drifted": drifted(r)}
        for r in reports
    ]
    rows = [(r["window"], r["version"], r["rows"], r["verdict"], ", ".join(r["drifted"][:4])) for r in data]  # type: ignore[index]
    session.emit("drift-list.v1", {"reports": data}, table(("window", "version", "rows", "verdict", "drifted"), rows))


def drifted(report: DriftReport) -> list[str]:
    return [column.name for column in report.columns if column.verdict == "drift"]


def said(report: DriftReport, page: str = "") -> str:
    rows = [
        (c.name, number(c.effect), c.verdict, *(number(c.statistics[s]) if s in c.statistics else "" for s in SHOWN))
        for c in _ordered(report)
    ]
    extra = [f"{name} {number(value)}" for name, value in report.performance.items()]
    after = [f"as a picture: toolkit drift show, or {page}"] if page else []
    return "\n".join(
        [_head(report), *([table(("column", "effect", "verdict", *SHOWN), rows)] if rows else []), *extra, *after]
    )


def pictured(report: DriftReport) -> str:
    """A line a column: verdict, effect, and how it was spread then and now."""
    rows = [
        (c.name, c.verdict, number(c.effect), sparkline(c.shape, "reference"), sparkline(c.shape, "window"))
        for c in _ordered(report)
    ]
    return "\n".join([_head(report), table(("column", "verdict", "effect", "in training", "in this window"), rows)])


def sparkline(shape: Shape | None, side: str) -> str:
    """Both sides of a column are drawn to one scale; a share above 0 is never drawn as nothing."""
    if shape is None:
        return ""
    most = max((*shape.reference, *shape.window), default=0.0) or 1.0
    top = len(BARS) - 1
    shares = shape.reference if side == "reference" else shape.window
    return "|" + "".join(BARS[max(round(share / most * top), 1 if share > 0 else 0)] for share in shares) + "|"


def _ordered(report: DriftReport) -> list[ColumnDrift]:
    return sorted(report.columns, key=lambda c: -c.effect)


def _head(report: DriftReport) -> str:
    return (
        f"{report.endpoint}, version {report.model_version} of {report.model}: {report.verdict}"
        f" ({report.rows:,} rows in {report.window})"
    )
