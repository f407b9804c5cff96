"""Schedules as ministack keeps them. When one fires is a matter of waiting for its clock, which nobody can turn: moto's
stand-in shows that."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.adapters.aws import stack
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.schedules import open_schedules
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules
from toolkit.testing.schedules import Clockwork, SchedulesSuite


class Still:
    """A function's name, and no clock."""

    function = "sink"

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        raise AssertionError("no case here waits for one to fire")

    def pass_time(self, seconds: float) -> None:
        raise AssertionError("no case here waits for one to fire")


_RUNS: type[Clockwork] = Still


@pytest.fixture(scope="module")
def settings() -> Settings:
    return stack.prepared()


class TestMinistackSchedules(SchedulesSuite):
    provider = PROVIDER
    server = "ministack"

    # Its clock is the wall's.
    test_it_fires_with_its_event = None  # type: ignore[assignment]
    test_it_goes_on_firing = None  # type: ignore[assignment]
    test_disabled_deleted_and_later_ones_do_not_fire = None  # type: ignore[assignment]
    test_a_replaced_one_fires_as_it_now_is = None  # type: ignore[assignment]

    @pytest.fixture
    def clockwork(self, schedules: Schedules) -> Iterator[Still]:
        yield Still()
        for spec in list(schedules.list()):
            schedules.delete(spec.name)

    @pytest.fixture
    def schedules(self, settings: Settings) -> Schedules:
        return open_schedules(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Schedules:
        return open_schedules(settings)
