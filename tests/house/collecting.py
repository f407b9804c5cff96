"""Hooks that collect what every conformance case showed, for the parity table in the README.

The table is not written by hand: after a full run of the suites its text must stand in the README. `make readme` runs
the suites with PARITY=write and puts it there.
"""

from __future__ import annotations

import os

import pytest

from tests.house import parity, readme

_shown: list[parity.Shown] = []


def note(request: pytest.FixtureRequest) -> None:
    """Put provider, claims and whether they are made onto the report, which crosses to the controlling process. The
    table is that of the gate: a long variant that only `make test-all` runs does not change it."""
    suite, claims = getattr(request, "cls", None), getattr(request.function, "claims", ())
    if suite is not None and claims and request.node.get_closest_marker("exhaustive") is None:
        made = all(suite.provider.offers(claim) for claim in claims)
        whose = parity.column(suite.provider.name, suite.server)
        for claim in claims:
            request.node.user_properties.append(("parity", (whose, claim, made)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call":
        return
    for name, value in report.user_properties:
        if name == "parity" and isinstance(value, (list, tuple)):
            provider, claim, made = value
            _shown.append(parity.Shown(str(provider), str(claim), bool(made), report.passed))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On the controlling process, after a full run of the suites: the table in the README is what was shown."""
    if hasattr(session.config, "workerinput") or not _all_ran():
        return
    text, made = readme.README.read_text(), parity.table(_shown)
    if os.environ.get("PARITY") == "write":
        readme.README.write_text(readme.replaced(text, "parity", made))
    elif readme.section(text, "parity") != made:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("the README's parity table is not what the suites showed: make readme", red=True)


def _all_ran() -> bool:
    from toolkit.bootstrap import providers

    return parity.complete(_shown, {name: providers.provider(name).ports for name in providers.names()})
