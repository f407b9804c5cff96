"""Fixtures every test may use: a command line in process, and an environment that reads nothing of the developer's."""

from __future__ import annotations

import os

import hypothesis
import pytest

from tests.adapters.aws.live import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_unconfigure,
)
from tests.house import collecting
from tests.house.collecting import pytest_runtest_logreport, pytest_sessionfinish
from tests.support import Shell

# No deadline: a shared machine may pause for longer than any example takes. Derandomised: the gate is the same for all.
hypothesis.settings.register_profile("gate", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("gate")

__all__ = [
    "pytest_addoption", "pytest_collection_modifyitems", "pytest_configure", "pytest_runtest_logreport",
    "pytest_sessionfinish", "pytest_unconfigure",
]  # fmt: skip


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
