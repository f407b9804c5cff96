"""The scheduler's clock is turned over its own endpoint; what it fires goes through Lambda into a function's log.

Nobody turns AWS's clock: on an account time has to pass.
"""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.adapters.aws import cloud, live
from tests.adapters.clocked import ClockedSuite, Sink
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.emulator.schedules import CLOCK
from toolkit.adapters.aws.functions import open_functions
from toolkit.adapters.aws.schedules import AwsSchedules, open_schedules
from toolkit.adapters.aws.store import open_store
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules

_FITS: type[Schedules] = AwsSchedules
SEEN_SECONDS = 60 if live.session else 20


class _Lambda(Sink):
    waits = False  # an event that nobody waits for, as the scheduler's are

    def set_clock(self, ahead: float) -> None:
        if live.session is None:
            super().set_clock(ahead)

    def pass_time(self, seconds: float) -> None:
        if live.session is not None:
            time.sleep(seconds)
        super().pass_time(seconds)
        time.sleep(0.3)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return cloud.prepared()


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[_Lambda]:
    opened = _Lambda(
        settings, open_functions(settings), open_store(settings), CLOCK, begin=cloud.begin(), late=SEEN_SECONDS
    )
    with closing(opened) as sink:
        yield sink


@pytest.mark.slow
class TestAwsSchedules(ClockedSuite):
    provider = PROVIDER
    opened = staticmethod(open_schedules)
