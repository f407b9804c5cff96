"""Schedules of functions that are function apps: the host's clock is turned, and its timer triggers call the worker."""

from collections.abc import Iterator

import pytest

from tests.adapters.azure import site
from tests.conformance.test_azure_schedules import Apps
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.sites_timers import SiteSchedules
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules
from toolkit.testing.schedules import SchedulesSuite

_FITS: type[Schedules] = SiteSchedules


@pytest.fixture(scope="module")
def settings() -> Settings:
    return site.make(functions="functions")


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[Apps]:
    sink = Apps(settings)
    yield sink
    sink.close()


@pytest.mark.slow
class TestAzureTimers(SchedulesSuite):
    provider = PROVIDER.chosen({"functions": "functions"})
    server = "Azure Functions"

    @pytest.fixture
    def clockwork(self, sink: Apps, schedules: Schedules) -> Iterator[Apps]:
        sink.set_clock(0.0)
        yield sink
        for spec in list(schedules.list()):
            schedules.delete(spec.name)

    @pytest.fixture
    def schedules(self, settings: Settings) -> Schedules:
        return open_schedules(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Schedules:
        return open_schedules(settings)
