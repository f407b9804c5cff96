"""The scheduler's clock is turned over its own endpoint; what it fires goes over the service's URL into its log."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.adapters.clocked import ClockedSuite, Sink
from tests.adapters.gcp import google
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.emulator.scheduler import CLOCK
from toolkit.adapters.gcp.functions import open_functions
from toolkit.adapters.gcp.schedules import CloudSchedules, open_schedules
from toolkit.adapters.gcp.store import open_store
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules
from toolkit.testing.schedules import every_minute

_FITS: type[Schedules] = CloudSchedules
STRANGER = "stranger@emulated-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def settings() -> Settings:
    found = google.bucket()
    google.scheduler(found)
    return found


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[Sink]:
    opened = Sink(settings, open_functions(settings), open_store(settings), CLOCK)
    with closing(opened) as sink:
        yield sink


@pytest.mark.slow
class TestGcpSchedules(ClockedSuite):
    provider = PROVIDER
    opened = staticmethod(open_schedules)

    def test_an_account_that_may_not_call_is_turned_away(self, settings: Settings, clockwork: Sink) -> None:
        """The token says who calls, and the service's own policy whether it may."""
        stranger = open_schedules({**settings, "accounts": {"scheduler": google.make_account(STRANGER)}})
        stranger.put(every_minute(clockwork, name="stranger"))
        open_schedules(settings).put(every_minute(clockwork, name="own"))
        clockwork.pass_time(60)
        assert clockwork.fired("own")
        assert clockwork.fired("stranger") == []
