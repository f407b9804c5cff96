"""Schedules of functions that are function apps: the host's clock is turned, and its timer triggers call the worker."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.adapters.azure import site
from tests.adapters.clocked import ClockedSuite, Sink
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.sites_timers import SiteSchedules
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules

_FITS: type[Schedules] = SiteSchedules


@pytest.fixture(scope="module")
def settings() -> Settings:
    return site.make(functions="functions")


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[Sink]:
    with closing(site.sink(settings)) as sink:
        yield sink


@pytest.mark.slow
class TestAzureTimers(ClockedSuite):
    provider = PROVIDER.chosen({"functions": "functions"})
    server = "Azure Functions"
    opened = staticmethod(open_schedules)
