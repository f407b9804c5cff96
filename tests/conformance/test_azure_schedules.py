"""The scheduler's clock is turned over its own endpoint; what it starts goes over the function's URL into its log."""

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.adapters.azure import site
from tests.conformance.test_azure_functions import HERE
from toolkit.adapters.azure import PROVIDER
from toolkit.adapters.azure.emulator.jobs import CLOCK
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.schedules import ContainerAppSchedules, open_schedules
from toolkit.adapters.azure.store import open_store
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules
from toolkit.testing.functions import Deploy, bundle_into
from toolkit.testing.schedules import Clockwork, SchedulesSuite

_FITS: type[Schedules] = ContainerAppSchedules
SINK = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event), flush=True)
"""


class Apps:
    def __init__(self, settings: Settings) -> None:
        self.functions = open_functions(settings)
        self._address = settings["services_endpoint"]
        self.deploy = Deploy(self.functions, bundle_into(open_store(settings)), runtime=HERE)
        self.function = self.deploy(SINK)
        self._ahead = 0.0
        self.set_clock(0.0)

    def set_clock(self, ahead: float) -> None:
        body = json.dumps({"ahead": ahead}).encode()
        request = urllib.request.Request(f"{self._address}{CLOCK}", body, method="POST")
        with urllib.request.urlopen(request) as reply:
            assert reply.status == 200
        self._ahead = ahead

    def pass_time(self, seconds: float) -> None:
        self.set_clock(self._ahead + seconds)
        # What was called has answered; its lines are in the log once one that was printed later is.
        done = f"done {time.time_ns()}"
        self.functions.event(self.function, {"schedule": done})
        deadline = time.monotonic() + 20
        while not self.fired(done) and time.monotonic() < deadline:
            time.sleep(0.02)

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        lines = [line.text for line in self.functions.logs(self.function) if line.text.startswith("EVENT ")]
        events = [json.loads(line.removeprefix("EVENT ")) for line in lines]
        return [event for event in events if event["schedule"] == schedule]

    def close(self) -> None:
        self.set_clock(0.0)
        self.deploy.delete()


_RUNS: type[Clockwork] = Apps


@pytest.fixture(scope="module")
def settings() -> Settings:
    return site.make()


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[Apps]:
    sink = Apps(settings)
    yield sink
    sink.close()


@pytest.mark.slow
class TestAzureSchedules(SchedulesSuite):
    provider = PROVIDER

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
