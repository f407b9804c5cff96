"""The scheduler's clock is turned over its own endpoint; what it fires goes over the service's URL into its log."""

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.adapters.gcp import google
from tests.conformance.test_gcp_functions import HERE
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.emulator.scheduler import CLOCK
from toolkit.adapters.gcp.functions import open_functions
from toolkit.adapters.gcp.schedules import CloudSchedules, open_schedules
from toolkit.adapters.gcp.store import open_store
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules
from toolkit.testing.functions import Deploy, bundle_into
from toolkit.testing.schedules import Clockwork, SchedulesSuite, every_minute

_FITS: type[Schedules] = CloudSchedules
STRANGER = "stranger@emulated-project.iam.gserviceaccount.com"
SINK = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event), flush=True)
"""


class _Run:
    def __init__(self, settings: Settings) -> None:
        self.functions = open_functions(settings)
        self._address = settings["services_endpoint"]
        self._deployed = Deploy(self.functions, bundle_into(open_store(settings)), runtime=HERE)
        self.function = self._deployed(SINK)
        self._ahead = 0.0
        self.set_clock(0.0)

    def set_clock(self, ahead: float) -> None:
        body = json.dumps({"ahead": ahead}).encode()
        request = urllib.request.Request(f"{self._address}{CLOCK}", body, method="POST")
        with urllib.request.urlopen(request) as reply:
            assert reply.status == 200

    def pass_time(self, seconds: float) -> None:
        self._ahead += seconds
        self.set_clock(self._ahead)
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
        self._deployed.delete()


_RUNS: type[Clockwork] = _Run


@pytest.fixture(scope="module")
def settings() -> Settings:
    found = google.bucket()
    google.scheduler(found)
    return found


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[_Run]:
    sink = _Run(settings)
    yield sink
    sink.close()


@pytest.mark.slow
class TestGcpSchedules(SchedulesSuite):
    provider = PROVIDER

    @pytest.fixture
    def clockwork(self, sink: _Run, schedules: Schedules) -> Iterator[_Run]:
        sink._ahead = 0.0
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

    def test_an_account_that_may_not_call_is_turned_away(self, settings: Settings, clockwork: _Run) -> None:
        """The token says who calls, and the service's own policy whether it may."""
        stranger = open_schedules({**settings, "accounts": {"scheduler": google.make_account(STRANGER)}})
        stranger.put(every_minute(clockwork, name="stranger"))
        open_schedules(settings).put(every_minute(clockwork, name="own"))
        clockwork.pass_time(60)
        assert clockwork.fired("own")
        assert clockwork.fired("stranger") == []
