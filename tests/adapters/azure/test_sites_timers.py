"""Schedules as timer triggers: no entry is ever lost, what died in between converges, what is off is quiet."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from tests.adapters.azure import site
from tests.adapters.clocked import SINK, Sink
from toolkit.adapters.azure import sites_body as described
from toolkit.adapters.azure import sites_timers
from toolkit.adapters.azure.client import Arm
from toolkit.adapters.azure.emulator import sites_timers as host
from toolkit.adapters.azure.function_app import timers
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.sites_timers import Record, Timers, rendered
from toolkit.domain import times
from toolkit.domain.errors import NotFound, Unsupported
from toolkit.domain.specs import ScheduleSpec
from toolkit.execution.http_messages import Request, Response
from toolkit.ports import Settings

NOW = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


def spec(function: str = "f", **more: Any) -> ScheduleSpec:
    name = f"at-{uuid4().hex[:10]}"
    return ScheduleSpec(**{"name": name, "expression": "rate(1 minute)", "function": function, **more})


def test_the_setting_is_the_same_for_the_same_records_and_names_functions_that_azure_takes() -> None:
    records = [Record(spec=spec(name=name, event={"ä": 1}), mark="0a1b2c") for name in ("b", "9", "a" * 63)]
    text = rendered(records)
    assert text == rendered(reversed(records))
    assert rendered([]) == ""
    for one in json.loads(text):
        assert one["timer"][0].isalpha()
        assert len(one["timer"]) <= 127
        assert set(one["timer"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize(
    ("past_due", "status", "time"),
    [
        (False, {"Next": "2026-03-02T12:00:00+00:00"}, NOW.replace(second=0)),
        (False, {"Next": "2026-03-02T12:00:00Z"}, NOW.replace(second=0)),
        (False, {"Next": "2026-03-02T12:00:00"}, NOW.replace(second=0)),
        (False, {}, NOW.replace(second=0)),
        (False, None, NOW.replace(second=0)),
        (True, {"Next": "2026-02-01T12:00:00+00:00"}, NOW.replace(second=0)),  # of many that were missed the last
    ],
)
def test_the_time_that_a_call_is_for(past_due: bool, status: dict[str, Any] | None, time: datetime) -> None:
    assert timers.due("0 * * * * *", past_due, status, NOW) == times.text(time)


def test_a_clock_that_is_behind_by_a_moment_names_the_time_that_comes() -> None:
    early = NOW.replace(second=59, microsecond=500_000)
    assert timers.due("0 * * * * *", False, None, early) == times.text(NOW.replace(minute=1, second=0))


class Calls:
    """A worker with one timer; every call of it fails `failures` times."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.seen = failures, []  # type: ignore[var-annotated]

    def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            retry = {"max_retry_count": "2", "delay_interval": "00:00:00"}
            trigger = {"schedule": "0 * * * * *", "useMonitor": True}
            found = [{"name": "one", "timer": trigger, "retry": retry}, {"name": "http", "timer": None, "retry": None}]
            broken = {"name": "broken", "timer": {"schedule": "* * *"}, "retry": None}
            return Response(200, (), json.dumps([*found, broken]).encode())
        self.seen.append(json.loads(json.loads(request.body)["input"]))
        self.failures -= 1
        return Response(500 if self.failures >= 0 else 202, (), b"")


def clockwork(calls: Calls) -> tuple[host.Timers, host.App, list[str]]:
    said: list[str] = []
    app = host.App(calls, said.append, stale=True)
    return host.Timers(lambda: (app,)), app, said


def test_the_host_fires_each_time_once_and_says_which_function_is_in_error() -> None:
    turned, app, said = clockwork(calls := Calls())
    turned.turn(150.0)
    turned.close()
    nexts = [datetime.fromisoformat(one["ScheduleStatus"]["Next"]) for one in calls.seen]
    assert len(nexts) in {2, 3}
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(nexts))
    assert list(app.timers) == ["one"]
    assert said == [said[0]]
    assert "'broken' function is in error" in said[0]


def test_what_fails_is_called_again_as_its_policy_says() -> None:
    turned, _, said = clockwork(calls := Calls(failures=9))
    turned.turn(61.0)
    turned.close()
    assert len(calls.seen) % 3 == 0
    assert calls.seen[0] == calls.seen[1] == calls.seen[2]
    assert "(Failed)" in said[-1]


def test_what_was_missed_while_nothing_ran_comes_once_and_late() -> None:
    calls = Calls()
    said: list[str] = []
    app = host.App(calls, said.append, stale=True, remembered={"one": datetime.now(UTC) - timedelta(hours=3)})
    turned = host.Timers(lambda: (app,))
    turned.turn(0.001)
    turned.close()
    late = [one for one in calls.seen if one["IsPastDue"]]
    assert len(late) == 1
    assert len(calls.seen) <= 2


class Place(NamedTuple):
    settings: Settings
    sink: Sink
    arm: Arm

    def app(self, function: str) -> str:
        return self.arm.path(described.SITES, described.called(self.settings, function))

    def held(self, function: str) -> dict[str, str]:
        path = f"{self.app(function)}/config/appsettings/list"
        found: dict[str, str] = self.arm.call("look", "POST", path, described.VERSION).body["properties"]
        return found

    def hold(self, function: str, held: dict[str, str]) -> None:
        path = f"{self.app(function)}/config/appsettings"
        self.arm.change("set", "PUT", path, described.VERSION, {"properties": held})


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    settings = site.make(functions="functions")
    sink = site.sink(settings)
    yield Place(settings, sink, Arm(settings))
    sink.close()


@pytest.fixture
def schedules(place: Place) -> Iterator[Any]:
    place.sink.rewind()
    found = open_schedules(place.settings)
    yield found
    for one in list(found.list()):
        found.delete(one.name)


@pytest.mark.slow
def test_of_many_that_are_put_at_once_none_is_lost(place: Place, schedules: Any) -> None:
    wanted = [spec(place.sink.function, expression="rate(1 day)") for _ in range(6)]
    threads = [threading.Thread(target=open_schedules(place.settings).put, args=(one,)) for one in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(schedules.list()) == sorted(wanted, key=lambda one: one.name)
    assert place.held(place.sink.function)["AzureWebJobsStorage__accountName"] == place.settings["account"]


@pytest.mark.slow
def test_who_writes_last_has_looked_last(place: Place, schedules: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one puts a schedule between what this one read and what it writes."""
    ours, other = (spec(place.sink.function, expression="rate(1 day)") for _ in range(2))
    held = Timers._held
    met: list[str] = []

    def meanwhile(self: Timers, function: str) -> dict[str, str]:
        found = held(self, function)
        if not met:
            met.append(function)
            open_schedules(place.settings).put(other)
        return found

    settled = Timers(place.settings)
    settled.keep(ours)
    monkeypatch.setattr(Timers, "_held", meanwhile)
    settled.settle(place.sink.function)
    assert met
    assert schedules.get(ours.name) == ours
    assert schedules.get(other.name) == other


@pytest.mark.slow
def test_who_died_in_between_finds_it_missing_and_puts_it_again(place: Place, schedules: Any) -> None:
    one = spec(place.sink.function, expression="rate(1 day)")
    Timers(place.settings).keep(one)
    with pytest.raises(NotFound):
        schedules.get(one.name)
    assert list(schedules.list()) == []
    schedules.put(one)
    assert schedules.get(one.name) == one
    Timers(place.settings).drop(one.name)  # and a delete that died: what still fires is still there
    assert schedules.get(one.name) == one
    schedules.delete(one.name)
    assert list(schedules.list()) == []


@pytest.mark.slow
def test_putting_the_same_again_does_not_start_the_app_anew(place: Place, schedules: Any) -> None:
    one = spec(place.sink.function, expression="rate(1 day)")
    schedules.put(one)
    before = place.held(place.sink.function)[timers.TOLD]
    schedules.put(one)
    assert place.held(place.sink.function)[timers.TOLD] == before


@pytest.mark.slow
def test_one_that_was_off_does_not_make_up_for_it(place: Place, schedules: Any) -> None:
    """The host remembers times by the function's name, so what was put anew has another."""
    one = spec(place.sink.function)
    schedules.put(one)
    first = json.loads(place.held(place.sink.function)[timers.TOLD])[0]["timer"]
    schedules.put(spec(place.sink.function, name=one.name, enabled=False))
    place.sink.pass_time(150)
    assert place.sink.fired(one.name) == []
    schedules.put(one)
    assert json.loads(place.held(place.sink.function)[timers.TOLD])[0]["timer"] != first


@pytest.mark.slow
def test_it_moves_to_another_function(place: Place, schedules: Any) -> None:
    other = place.sink.deploy(SINK, part="other")
    one = spec(place.sink.function, event={"to": "first"})
    schedules.put(one)
    moved = spec(other, name=one.name, event={"to": "other"})
    schedules.put(moved)
    assert list(schedules.list()) == [moved]
    assert timers.TOLD not in place.held(place.sink.function)
    place.sink.functions.delete(other)
    assert list(schedules.list()) == []
    assert Timers(place.settings).wanted(other) == "", "the timers of an app go with it"


@pytest.mark.slow
def test_a_new_version_and_another_size_keep_the_timers(place: Place, schedules: Any) -> None:
    function = place.sink.deploy(SINK, part="grows")
    one = spec(function, expression="rate(1 day)")
    schedules.put(one)
    bigger = place.sink.deploy.spec(SINK, part="grows", memory_mb=1024)
    version = place.sink.functions.publish(bigger)
    place.sink.functions.route(bigger.name, {version: 1.0})
    assert schedules.get(one.name) == one


@pytest.mark.slow
def test_settings_of_others_stay(place: Place, schedules: Any) -> None:
    held = place.held(place.sink.function)
    place.hold(place.sink.function, {**held, "THEIRS": "kept"})
    one = spec(place.sink.function, expression="rate(1 day)")
    schedules.put(one)
    schedules.delete(one.name)
    assert place.held(place.sink.function) == {**held, "THEIRS": "kept"}


@pytest.mark.slow
def test_what_does_not_fit_is_refused_and_not_kept(place: Place, schedules: Any) -> None:
    with pytest.raises(Unsupported, match="30,000 bytes"):
        schedules.put(spec(place.sink.function, event={"long": "x" * sites_timers.MOST_BYTES}))
    assert Timers(place.settings).wanted(place.sink.function) == ""


@pytest.mark.slow
def test_a_function_that_is_open_takes_no_schedule(place: Place, schedules: Any) -> None:
    function = place.sink.deploy(SINK, part="open", auth="public")
    with pytest.raises(Unsupported, match="takes no events"):
        schedules.put(spec(function))
