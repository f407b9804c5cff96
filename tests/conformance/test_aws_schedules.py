"""The scheduler's clock is turned over its own endpoint; what it fires goes through Lambda into a function's log.

Nobody turns AWS's clock: on an account time has to pass.
"""

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.adapters.aws import cloud, live
from tests.conformance.test_aws_functions import HERE
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.emulator.schedules import CLOCK
from toolkit.adapters.aws.functions import open_functions
from toolkit.adapters.aws.schedules import AwsSchedules, open_schedules
from toolkit.adapters.aws.store import open_store
from toolkit.ports import Settings
from toolkit.ports.schedules import Schedules
from toolkit.testing.functions import Deploy, bundle_into
from toolkit.testing.schedules import Clockwork, SchedulesSuite

_FITS: type[Schedules] = AwsSchedules
SEEN_SECONDS = 60 if live.session else 20
SINK = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event))
"""


class _Lambda:
    def __init__(self, settings: Settings) -> None:
        self.functions = open_functions(settings)
        self._address = settings["services_endpoint"]
        self._deployed = Deploy(self.functions, bundle_into(open_store(settings)), begin=cloud.begin(), runtime=HERE)
        self.function = self._deployed(SINK)
        self._ahead = 0.0
        self.set_clock(0.0)

    def set_clock(self, ahead: float) -> None:
        if live.session is not None:
            return
        body = json.dumps({"ahead": ahead}).encode()
        request = urllib.request.Request(f"{self._address}{CLOCK}", body, method="POST")
        with urllib.request.urlopen(request) as reply:
            assert reply.status == 200

    def pass_time(self, seconds: float) -> None:
        if live.session is not None:
            time.sleep(seconds)
        self._ahead += seconds
        self.set_clock(self._ahead)
        # What was handed over is an event that nobody waits for: one of ours, sent after it, tells when it was run.
        done = f"done {time.time_ns()}"
        self.functions.event(self.function, {"schedule": done}, wait=False)
        deadline = time.monotonic() + SEEN_SECONDS
        while not self.fired(done) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        lines = [line.text for line in self.functions.logs(self.function) if line.text.startswith("EVENT ")]
        events = [json.loads(line.removeprefix("EVENT ")) for line in lines]
        return [event for event in events if event["schedule"] == schedule]

    def close(self) -> None:
        self.set_clock(0.0)
        self._deployed.delete()


_RUNS: type[Clockwork] = _Lambda


@pytest.fixture(scope="module")
def settings() -> Settings:
    return cloud.prepared()


@pytest.fixture(scope="module")
def sink(settings: Settings) -> Iterator[_Lambda]:
    sink = _Lambda(settings)
    yield sink
    sink.close()


@pytest.mark.slow
class TestAwsSchedules(SchedulesSuite):
    provider = PROVIDER

    @pytest.fixture
    def clockwork(self, sink: _Lambda, schedules: Schedules) -> Iterator[_Lambda]:
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
