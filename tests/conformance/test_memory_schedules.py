from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from toolkit.adapters.memory import PROVIDER
from toolkit.adapters.memory.schedules import MemorySchedules, forget, open_schedules
from toolkit.ports.schedules import Schedules
from toolkit.testing.schedules import Clockwork, SchedulesSuite

_FITS: type[Schedules] = MemorySchedules


class _Host:
    """Whoever holds the clock of the memory schedules."""

    function = "sink"

    def __init__(self, name: str) -> None:
        self.ahead = timedelta(0)
        self.schedules = MemorySchedules(name, self.now)
        self._events: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        return self._events[schedule]

    def pass_time(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        self.schedules.run_due(self.now(), lambda function, event: self._events[event["schedule"]].append(event))


_RUNS: type[Clockwork] = _Host


class TestMemorySchedules(SchedulesSuite):
    provider = PROVIDER

    @pytest.fixture
    def name(self) -> Iterator[str]:
        name = uuid4().hex
        yield name
        forget(name)

    @pytest.fixture
    def clockwork(self, name: str) -> _Host:
        return _Host(name)

    @pytest.fixture
    def schedules(self, clockwork: _Host) -> Schedules:
        return clockwork.schedules

    @pytest.fixture
    def second(self, name: str) -> Schedules:
        return open_schedules({"name": name})
