"""Schedules as ministack keeps them. When one fires is a matter of waiting for its clock, which nobody can turn: moto's
stand-in shows that."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.adapters.aws import stack
from tests.adapters.clocked import Clock, ClockedSuite
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.schedules import open_schedules
from toolkit.ports import Settings


class Still:
    """A function's name, and no clock."""

    function = "sink"

    def rewind(self) -> None:
        """Nobody turned it."""

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        raise AssertionError("no case here waits for one to fire")

    def pass_time(self, seconds: float) -> None:
        raise AssertionError("no case here waits for one to fire")


_RUNS: type[Clock] = Still


@pytest.fixture(scope="module")
def settings() -> Settings:
    return stack.prepared()


@pytest.fixture(scope="module")
def sink() -> Still:
    return Still()


class TestMinistackSchedules(ClockedSuite):
    provider = PROVIDER
    server = "ministack"
    opened = staticmethod(open_schedules)

    # Its clock is the wall's.
    test_it_fires_with_its_event = None  # type: ignore[assignment]
    test_it_goes_on_firing = None  # type: ignore[assignment]
    test_disabled_deleted_and_later_ones_do_not_fire = None  # type: ignore[assignment]
    test_a_replaced_one_fires_as_it_now_is = None  # type: ignore[assignment]
