"""Firing under a clock that tests turn: at least once, never again what is recorded, one for many missed."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import until
from toolkit.adapters.local.schedules import LocalSchedules
from toolkit.domain import times
from toolkit.domain.specs import ScheduleSpec
from toolkit.execution import files
from toolkit.execution.scheduler import Scheduler, last_fired

MINUTE = timedelta(minutes=1)


class World:
    """A folder, a clock, a function that remembers its events, and schedulers that may be restarted."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self.failing: dict[str, int] = {}
        self.log: list[str] = []
        self.schedules = LocalSchedules(folder, lambda: times.text(self.now))
        self.restart()

    def restart(self) -> None:
        self.scheduler = Scheduler(
            self.folder, self._call, clock=lambda: self.now, log=self.log.append, retry_seconds=0.001
        )

    def _call(self, function: str, event: dict[str, Any]) -> None:
        self.events.append(event)
        if self.failing.get(function, 0) > 0:
            self.failing[function] -= 1
            raise OSError(f"{function} is down")

    def put(self, name: str = "a", expression: str = "rate(1 minute)", **fields: Any) -> None:
        self.schedules.put(ScheduleSpec(**{"name": name, "expression": expression, "function": name, **fields}))

    def tick(self, seconds: float = 60) -> list[str]:
        """Pass time, fire, and say what arrived: "name minute:second"."""
        self.now += timedelta(seconds=seconds)
        self.events.clear()
        self.scheduler.run_due(self.now)
        return [f"{event['schedule']} {times.parse(event['time']):%H:%M}" for event in self.events]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "schedules")


def test_each_time_fires_once(world: World) -> None:
    assert world.tick(0) == []  # no folder yet
    world.put()
    assert [world.tick(20) for _ in range(7)] == [[], ["a 12:01"], [], [], ["a 12:02"], [], []]


def test_a_restart_neither_repeats_nor_forgets(world: World) -> None:
    world.put()
    assert world.tick() == ["a 12:01"]
    world.restart()
    assert world.tick(1) == []
    world.restart()
    assert world.tick(40) == ["a 12:02"]


def test_what_was_missed_is_one_call_for_the_last_time(world: World) -> None:
    world.put()
    world.put("daily", "0 6 * * *")
    assert world.tick() == ["a 12:01"]
    world.restart()
    assert world.tick(3 * 86400) == ["a 12:01", "daily 06:00"]
    assert world.tick(1) == []


def test_a_schedule_set_while_nothing_runs_waits_for_its_first_time(world: World) -> None:
    world.put("daily", "0 6 * * *")
    world.now += timedelta(hours=17)
    world.restart()
    assert world.tick(0) == []
    assert world.tick(3600) == ["daily 06:00"]


def test_a_failing_call_is_tried_again_a_little(world: World) -> None:
    world.put()
    world.failing["a"] = 2
    assert world.tick() == ["a 12:01"] * 3
    assert world.log == []
    assert last_fired(world.folder, "a") is not None
    assert world.tick(1) == []


def test_a_call_that_keeps_failing_is_logged_and_stops_no_other(world: World) -> None:
    world.put()
    world.put("b")
    world.failing["a"] = 100
    assert world.tick() == ["a 12:01"] * 3 + ["b 12:01"]
    assert world.log == ["schedule a: a failed at 2026-01-01T12:01:00.000000Z: OSError: a is down"]
    fired = last_fired(world.folder, "a")
    assert fired
    assert fired.error == "OSError: a is down"
    world.failing.clear()
    assert world.tick(1) == []  # not before its next time
    assert world.tick() == ["a 12:02", "b 12:02"]


def test_a_crash_between_call_and_record_calls_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put()

    def crash(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(files, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            world.tick()
    world.restart()
    assert world.tick(1) == ["a 12:01"]
    assert world.tick(1) == []


def test_a_full_disk_is_logged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "replace", full)
    assert world.tick() == ["a 12:01"]
    assert "could not record" in world.log[0]


def test_a_changed_schedule_does_not_fire_for_times_before_the_change(world: World) -> None:
    world.put("a", "rate(1 hour)")
    assert world.tick(3600) == ["a 13:00"]
    world.tick(1200)
    world.put("a", "10 * * * *")  # 13:10 is past, and later than what was fired
    assert world.tick(1) == []
    assert world.tick(3600) == ["a 14:10"]


def test_setting_the_same_again_forgets_nothing(world: World) -> None:
    world.put()
    world.now += MINUTE
    world.put()
    assert world.tick(0) == ["a 12:01"]


def test_disabled_and_enabled_again(world: World) -> None:
    world.put(enabled=False)
    assert world.tick(600) == []
    world.put()
    assert world.tick(1) == []
    assert world.tick() == ["a 12:11"]


def test_deleted_leaves_nothing_even_when_deleted_by_its_own_call(world: World) -> None:
    world.put()
    world.put("b")
    world.tick()
    world.schedules.delete("a")
    world.scheduler._call = lambda function, event: world.schedules.delete("b")
    world.tick()
    assert [path.name for path in world.folder.rglob("*") if path.is_file()] == []
    assert world.tick() == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"spec": 1}', b"\xff"])
def test_a_spoiled_file_is_logged_and_stops_no_other(world: World, content: bytes) -> None:
    world.put("b")
    (world.folder / "a.json").write_bytes(content)
    assert world.tick() == ["b 12:01"]
    assert "schedule a" in world.log[0]


def test_any_mixture_of_ticks_crashes_and_restarts_loses_no_last_time(tmp_path: Path) -> None:
    for seed in range(6):
        dice, world = random.Random(seed), World(tmp_path / str(seed))
        world.put("a", "*/5 * * * *")
        fired: list[str] = []
        for _ in range(60):
            if dice.random() < 0.2:
                world.restart()
            expected = _latest(world.now)
            new = world.tick(dice.choice([1, 30, 100, 400, 4000]))
            latest = _latest(world.now)
            assert new == ([f"a {latest:%H:%M}"] if latest > max(expected, _start()) else []), seed
            fired += new
        assert fired


def _start() -> datetime:
    return datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


def _latest(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute - moment.minute % 5, second=0, microsecond=0)


def test_running_it_fires_beside_a_call_that_hangs_and_never_overlaps_itself(world: World) -> None:
    world.put("hangs")
    world.put("quick")
    world.now += MINUTE
    release, stop, calls = threading.Event(), threading.Event(), []

    def call(function: str, event: dict[str, Any]) -> None:
        calls.append(function)
        if function == "hangs":
            release.wait(200)

    scheduler = Scheduler(world.folder, call, clock=lambda: world.now)
    thread = threading.Thread(target=scheduler.run, args=(stop,))
    thread.start()
    try:
        until(lambda: sorted(calls) == ["hangs", "quick"])
        world.now += MINUTE
        until(lambda: sorted(calls) == ["hangs", "quick", "quick"])
        release.set()
        until(lambda: sorted(calls) == ["hangs", "hangs", "quick", "quick"])
    finally:
        release.set()
        stop.set()
        thread.join()


def test_two_for_one_folder_fire_once(world: World) -> None:
    world.put()
    world.now += MINUTE
    calls: list[str] = []
    stop = threading.Event()
    schedulers = [
        Scheduler(world.folder, lambda function, event: calls.append(function), clock=lambda: world.now)
        for _ in range(2)
    ]
    threads = [threading.Thread(target=scheduler.run, args=(stop,)) for scheduler in schedulers]
    for thread in threads:
        thread.start()
    for _ in range(400):
        if calls:
            break
        threading.Event().wait(0.02)
    threading.Event().wait(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert calls == ["a"]
