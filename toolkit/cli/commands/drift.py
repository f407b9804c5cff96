"""`toolkit drift`: live traffic against the baseline."""

from __future__ import annotations

import click

from toolkit.cli.common import Session, number, options, table
from toolkit.domain.records import DriftReport


@click.command()
@click.option("--since", default="", metavar="TIME", help="Start of the window; default: monitor.window ago.")
@click.option("--until", default="", metavar="TIME", help="End of the window; default: now.")
@options
def command(session: Session, since: str, until: str) -> None:
    """Check live traffic against what the model was trained on. A drift is a result, not a failure: exit 0."""
    from toolkit.lifecycle import monitor

    checked = monitor.run(session.context, since=since, until=until)
    data = {"report": checked.report, "incident": checked.incident, "new": checked.new}
    session.emit("drift.v1", data, lambda: said(checked.report))


def said(report: DriftReport) -> str:
    head = (
        f"{report.endpoint}, version {report.model_version} of {report.model}: {report.verdict}"
        f" ({report.rows:,} rows in {report.window})"
    )
    rows = [
        (c.name, number(c.effect), c.verdict, *(number(c.statistics[s]) if s in c.statistics else "" for s in SHOWN))
        for c in sorted(report.columns, key=lambda c: -c.effect)
    ]
    extra = [f"{name} {number(value)}" for name, value in {**report.performance}.items()]
    return "\n".join([head, table(("column", "effect", "verdict", *SHOWN), rows), *extra]) if rows else head


SHOWN = ("p", "limit", "psi", "js", "w1")
