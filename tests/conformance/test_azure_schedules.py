"""The scheduler's clock is turned over its own endpoint; what it starts goes over the function's URL into its log."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.adapters.azure import site
from tests.adapters.clocked import ClockedSuite, Sink
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.schedules import ContainerAppSchedules, open_schedules
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules

_FITS: type[Schedules] = ContainerAppSchedules


@pytest.fixture(scope="module")
def settings() -> Settings:
    return site.make()


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[Sink]:
    with closing(site.sink(settings)) as sink:
        yield sink


@pytest.mark.slow
class TestAzureSchedules(ClockedSuite):
    provider = PROVIDER
    opened = staticmethod(open_schedules)
