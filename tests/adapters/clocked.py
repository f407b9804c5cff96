"""The schedules suite where a cloud is played here: its scheduler's clock is turned over an endpoint of its own, and
what it fires goes through the cloud's functions into the log of one that prints its events."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol

import pytest

from tests.support import HERE
from toolkit.ports import Settings
from toolkit.ports.functions import Functions
from toolkit.ports.schedules import Schedules
from toolkit.ports.store import Store
from toolkit.testing.functions import Deploy, bundle_into
from toolkit.testing.schedules import Clockwork, SchedulesSuite

SINK = """
    import json

    def handler(event, context):
        print("EVENT", json.dumps(event), flush=True)
"""


class Sink:
    """`clock` is the path that turns the scheduler's clock, `late` the seconds that a line may take to the log."""

    waits: ClassVar[bool] = True  # what is fired has answered when the clock is turned

    def __init__(
        self,
        settings: Settings,
        functions: Functions,
        store: Store,
        clock: str,
        *,
        begin: str = "probe",
        late: float = 20,
    ) -> None:
        self.functions = functions
        self.deploy = Deploy(functions, bundle_into(store), begin=begin, runtime=HERE)
        self.function = self.deploy(SINK)
        self._clock, self._late = f"{settings['services_endpoint']}{clock}", late
        self._ahead = 0.0
        self.rewind()

    def rewind(self) -> None:
        self.set_clock(0.0)

    def set_clock(self, ahead: float) -> None:
        """To `ahead` seconds before this machine's."""
        self._ahead = ahead
        request = urllib.request.Request(self._clock, json.dumps({"ahead": ahead}).encode(), method="POST")
        with urllib.request.urlopen(request) as reply:
            assert reply.status == 200

    def pass_time(self, seconds: float) -> None:
        self.set_clock(self._ahead + seconds)
        # What was handed over has run, and its lines are in the log, once one of ours, sent after it, is there.
        done = f"done {time.time_ns()}"
        self.functions.event(self.function, {"schedule": done}, wait=self.waits)
        deadline = time.monotonic() + self._late
        while not self.fired(done) and time.monotonic() < deadline:
            time.sleep(0.02)

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        lines = [line.text for line in self.functions.logs(self.function) if line.text.startswith("EVENT ")]
        events = [json.loads(line.removeprefix("EVENT ")) for line in lines]
        return [event for event in events if event["schedule"] == schedule]

    def close(self) -> None:
        self.rewind()
        self.deploy.delete()


class Clock(Clockwork, Protocol):
    def rewind(self) -> None:
        """To this machine's time."""
        ...


_RUNS: type[Clock] = Sink


class ClockedSuite(SchedulesSuite):
    """Give the module's fixtures `settings` and `sink`, a Clock; `opened` is the provider's open_schedules."""

    opened: ClassVar[staticmethod[[Settings], Schedules]]

    @pytest.fixture
    def clockwork(self, sink: Clock, schedules: Schedules) -> Iterator[Clock]:
        sink.rewind()
        yield sink
        for spec in list(schedules.list()):
            schedules.delete(spec.name)

    @pytest.fixture
    def schedules(self, settings: Settings) -> Schedules:
        return self.opened(settings)

    @pytest.fixture
    def second(self, settings: Settings) -> Schedules:
        return self.opened(settings)
