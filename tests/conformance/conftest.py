"""Collects what every conformance case showed, for the parity table in the README.

The table is not written by hand: after a full run of the suites its text must stand in the README. `make readme` runs
the suites with `--parity=write` and puts it there.
"""

from __future__ import annotations

import pytest

from tests.house import parity

COLLECTED = pytest.StashKey[list[parity.Shown]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COLLECTED] = []


@pytest.fixture(autouse=True)
def _record(request: pytest.FixtureRequest) -> None:
    """Put provider, claims and whether they are made onto the report, which crosses to the controlling process."""
    suite = getattr(request, "cls", None)
    claims = getattr(request.function, "claims", ())
    if suite is not None and claims:
        made = all(suite.provider.offers(claim) for claim in claims)
        for claim in claims:
            request.node.user_properties.append(("parity", (suite.provider.name, claim, made)))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" and _session is not None:
        for name, value in report.user_properties:
            if name == "parity" and isinstance(value, (list, tuple)):
                provider, claim, made = value
                shown = parity.Shown(str(provider), str(claim), bool(made), report.passed)
                _session.config.stash[COLLECTED].append(shown)


_session: pytest.Session | None = None


def pytest_sessionstart(session: pytest.Session) -> None:
    global _session  # logreport is given no session
    _session = session


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--parity", choices=["check", "write"], default="check", help="compare or write the README's table"
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On the controlling process, after a full run of the suites: the table in the README is what was shown."""
    from tests.house import readme

    shown = session.config.stash[COLLECTED]
    if hasattr(session.config, "workerinput") or not _all_ran(shown):
        return
    text, made = readme.README.read_text(), parity.table(shown)
    if session.config.getoption("--parity") == "write":
        readme.README.write_text(readme.replaced(text, "parity", made))
    elif readme.section(text, "parity") != made:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("the README's parity table is not what the suites showed: make readme", red=True)


def _all_ran(shown: list[parity.Shown]) -> bool:
    """Every claim of every provider was looked at: not so when only some tests were asked for."""
    from toolkit.bootstrap import providers
    from toolkit.domain.capabilities import PROMISES

    looked_at = {(case.provider, case.claim) for case in shown}
    return all((name, claim) in looked_at for name in providers.names() for claim in PROMISES)
