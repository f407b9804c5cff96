"""`toolkit doctor`: what is wrong, and what to type."""

from __future__ import annotations

import sys

import click

from toolkit.cli.common import Session, options, table


@click.command()
@options
def command(session: Session) -> None:
    """Check this machine and the target; say what to type for each failure. Exit 1 if any check fails."""
    from toolkit.bootstrap import doctor

    checks = doctor.run(lambda: session.context)
    rows = [("ok" if c.ok else "FAIL", c.name, c.said, c.hint) for c in checks]
    ok = all(check.ok for check in checks)
    session.emit("doctor.v1", {"checks": checks}, lambda: table(("", "check", "found", "next"), rows))
    if not ok:
        sys.exit(1)
