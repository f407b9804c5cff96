"""A scheduled job fires when the portable schedule says, and hands over the time that it is for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.cron import LINES, MOMENTS, same_moments
from toolkit.adapters.azure.emulator.jobs_beats import Bad, between
from toolkit.adapters.azure.function_app.deliver import due
from toolkit.adapters.azure.schedules import triggered
from toolkit.domain import schedule, times
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import ScheduleSpec

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday


def expression(portable: str) -> str:
    found: str = triggered(ScheduleSpec(name="a", expression=portable, function="f"))["scheduleTriggerConfig"][
        "cronExpression"
    ]
    return found


@given(LINES, MOMENTS)
def test_both_fire_at_the_same_moments(line: str, moment: datetime) -> None:
    same_moments(line, moment, partial(between, expression(line)))


@pytest.mark.parametrize("bad", ["* * * *", "0 0 0 * * *", "61 * * * *", "*/0 * * * *", "a * * * *", "0 0 L * *", ""])
def test_what_a_job_would_refuse(bad: str) -> None:
    with pytest.raises(Bad):
        list(between(bad, NOON, NOON + timedelta(days=1)))


def test_one_that_is_off_is_started_by_nobody() -> None:
    spec = ScheduleSpec(name="a", expression="rate(1 hour)", function="f", enabled=False)
    assert triggered(spec)["triggerType"] == "Manual"


@pytest.mark.parametrize(
    ("execution", "time"),
    [
        (f"a-job-{int(NOON.timestamp()) // 60}", NOON),
        (f"a-job-{int(NOON.timestamp()) // 60 - 60}", NOON - timedelta(hours=1)),  # started late
        (f"a-job-{int(NOON.timestamp()) // 60 - 7}", NOON),  # no time of this schedule
        ("a-job-x7f3k2a", NOON),
        ("a-job-1", NOON),
        ("", NOON),
    ],
)
def test_the_time_that_an_execution_is_for(execution: str, time: datetime) -> None:
    assert due("rate(1 hour)", execution, NOON + timedelta(minutes=3)) == times.text(time)


@given(LINES, MOMENTS)
def test_it_is_always_a_time_of_the_schedule(line: str, now: datetime) -> None:
    try:
        wanted = schedule.parse(line)
        latest = wanted.latest(now)
    except (ConfigError, StopIteration):
        return
    found = times.parse(due(line, "", now))
    assert found == latest <= now


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 6))
def test_sunday_is_0(minute: int, hour: int, day: int) -> None:
    moment = next(between(f"{minute} {hour} * * {day}", NOON, NOON + timedelta(days=8)))
    assert (moment.minute, moment.hour, moment.isoweekday() % 7) == (minute, hour, day)
