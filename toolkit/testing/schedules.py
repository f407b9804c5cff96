"""What every provider of schedules must do: keep them, and fire them into a sink that the provider's test sets up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any, Protocol
from uuid import uuid4

import pytest

from toolkit.domain import times
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports.schedules import Schedules
from toolkit.testing.claims import Suite, claims


class Clockwork(Protocol):
    """The provider's scheduler under test, with a function behind it that remembers its events."""

    @property
    def function(self) -> str:
        """The name of that function."""
        ...

    def fired(self, schedule: str) -> Sequence[dict[str, Any]]:
        """Events that arrived from this schedule, in order."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let the scheduler live through `seconds`: by turning its clock where that can be done, else by waiting."""
        ...


def every_minute(clockwork: Clockwork, **fields: Any) -> ScheduleSpec:
    name = f"probe-{uuid4().hex[:12]}"
    return ScheduleSpec(**{"name": name, "expression": "rate(1 minute)", "function": clockwork.function, **fields})


class SchedulesSuite(Suite):
    """Give the fixtures `schedules`, `second` (another handle) and `clockwork`; clean up after them."""

    @claims("schedules.fire")
    def test_what_is_put_is_read_back(self, schedules: Schedules, second: Schedules, clockwork: Clockwork) -> None:
        spec = every_minute(clockwork, expression="30 6 * * MON-FRI", event={"deep": {"list": [1, None, "ä"]}})
        schedules.put(spec)
        assert schedules.get(spec.name) == second.get(spec.name) == spec

    @claims("schedules.fire")
    def test_putting_again_replaces(self, schedules: Schedules, clockwork: Clockwork) -> None:
        spec = every_minute(clockwork)
        schedules.put(spec)
        schedules.put(spec)
        changed = every_minute(clockwork, name=spec.name, expression="rate(1 hour)", event={"new": True})
        schedules.put(changed)
        assert schedules.get(spec.name) == changed
        assert [found.name for found in schedules.list()].count(spec.name) == 1

    @claims("schedules.fire")
    def test_listed_by_name_and_by_tags(self, schedules: Schedules, clockwork: Clockwork) -> None:
        tags = {"suite": uuid4().hex[:12]}
        specs = [every_minute(clockwork, tags={**tags, "number": str(n)}) for n in range(3)]
        for spec in specs:
            schedules.put(spec)
        assert list(schedules.list(tags)) == sorted(specs, key=lambda spec: spec.name)
        assert list(schedules.list({**tags, "number": "2"})) == [specs[2]]
        assert list(schedules.list({**tags, "number": "9"})) == []

    @claims("schedules.fire")
    def test_deleted_is_gone(self, schedules: Schedules, clockwork: Clockwork) -> None:
        spec = every_minute(clockwork)
        schedules.put(spec)
        schedules.delete(spec.name)
        schedules.delete(spec.name)
        with pytest.raises(NotFound):
            schedules.get(spec.name)
        assert spec.name not in [found.name for found in schedules.list()]

    @claims("schedules.fire")
    @pytest.mark.parametrize("expression", ["", "hourly", "rate(7 minutes)", "0 0 1 * MON", "0 0 L * *", "61 * * * *"])
    def test_what_is_not_portable_is_refused(self, schedules: Schedules, clockwork: Clockwork, expression: str) -> None:
        spec = every_minute(clockwork, expression=expression)
        with pytest.raises(ConfigError):
            schedules.put(spec)
        with pytest.raises(NotFound):
            schedules.get(spec.name)

    @claims("schedules.fire")
    @pytest.mark.parametrize("name", ["", "-a", "../a", "A", "a b", "a/b", "a" * 64])
    def test_a_bad_name_is_refused(self, schedules: Schedules, clockwork: Clockwork, name: str) -> None:
        with pytest.raises(ConfigError):
            schedules.put(every_minute(clockwork, name=name))

    @claims("schedules.fire")
    def test_it_fires_with_its_event(self, schedules: Schedules, clockwork: Clockwork) -> None:
        begin = times.parse(times.now())
        spec = every_minute(clockwork, event={"endpoint": "flights", "deep": {"list": [1, None]}})
        schedules.put(spec)
        clockwork.pass_time(90)
        event = clockwork.fired(spec.name)[0]
        assert event == {**spec.event, "source": "toolkit.schedule", "schedule": spec.name, "time": event["time"]}
        moment = times.parse(event["time"])
        assert (moment.second, moment.microsecond) == (0, 0)
        assert begin - timedelta(minutes=1) < moment < begin + timedelta(minutes=3)

    @claims("schedules.fire")
    def test_it_goes_on_firing(self, schedules: Schedules, clockwork: Clockwork) -> None:
        spec = every_minute(clockwork)
        schedules.put(spec)
        for _ in range(3):
            clockwork.pass_time(60)
        # At least once: the same time may come twice, but none is left out.
        moments = sorted({times.parse(event["time"]) for event in clockwork.fired(spec.name)})
        assert len(moments) >= 2
        assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(moments))

    @claims("schedules.fire")
    def test_disabled_deleted_and_later_ones_do_not_fire(self, schedules: Schedules, clockwork: Clockwork) -> None:
        silent = [
            every_minute(clockwork, enabled=False),
            every_minute(clockwork),
            every_minute(clockwork, expression="0 0 29 2 *"),
        ]
        loud = every_minute(clockwork)
        for spec in (*silent, loud):
            schedules.put(spec)
        schedules.delete(silent[1].name)
        clockwork.pass_time(90)
        assert clockwork.fired(loud.name)
        assert [clockwork.fired(spec.name) for spec in silent] == [[], [], []]

    @claims("schedules.fire")
    def test_a_replaced_one_fires_as_it_now_is(self, schedules: Schedules, clockwork: Clockwork) -> None:
        spec = every_minute(clockwork, event={"version": 1})
        schedules.put(spec)
        schedules.put(every_minute(clockwork, name=spec.name, event={"version": 2}))
        clockwork.pass_time(90)
        assert {event["version"] for event in clockwork.fired(spec.name)} == {2}
