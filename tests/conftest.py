"""Fixtures every test may use: a command line in process, and an environment that reads nothing of the developer's."""

from __future__ import annotations

import os

import pytest

from tests.house import collecting
from tests.house.collecting import pytest_runtest_logreport, pytest_sessionfinish
from tests.support import Shell

__all__ = ["pytest_runtest_logreport", "pytest_sessionfinish"]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith("TOOLKIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOOLKIT_ACTOR", "tester")


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture(scope="module")
def module_shell() -> Shell:
    return Shell()


@pytest.fixture(autouse=True)
def _parity(request: pytest.FixtureRequest) -> None:
    collecting.note(request)
