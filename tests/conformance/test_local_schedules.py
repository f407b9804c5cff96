from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.schedules import LocalSchedules, open_schedules
from toolkit.domain import times
from toolkit.execution.scheduler import Scheduler
from toolkit.ports.schedules import Schedules
from toolkit.testing.schedules import Clockwork, SchedulesSuite

_FITS: type[Schedules] = LocalSchedules


class _Host:
    """The local scheduler, under a clock that tests turn."""

    function = "sink"

    def __init__(self, folder: Path) -> None:
        self.ahead = timedelta(0)
        self._events: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._scheduler = Scheduler(folder, self._call, clock=self.now)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def _call(self, function: str, event: dict[str, Any]) -> None:
        assert function == self.function
        self._events[event["schedule"]].append(event)

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        return self._events[schedule]

    def pass_time(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        self._scheduler.run_due(self.now())


_RUNS: type[Clockwork] = _Host


class TestLocalSchedules(SchedulesSuite):
    provider = PROVIDER

    @pytest.fixture
    def clockwork(self, tmp_path: Path) -> _Host:
        return _Host(tmp_path / "host" / "schedules")

    @pytest.fixture
    def schedules(self, tmp_path: Path, clockwork: _Host) -> Schedules:
        return LocalSchedules(tmp_path / "host" / "schedules", lambda: times.text(clockwork.now()))

    @pytest.fixture
    def second(self, tmp_path: Path) -> Schedules:
        return open_schedules({"host": str(tmp_path / "host")})
