"""Portable schedules in NCRONTAB fire at the same moments: two readers of two grammars agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.cron import LINES, MOMENTS, same_moments
from toolkit.adapters.azure import ncrontab
from toolkit.adapters.azure.emulator.jobs_beats import Bad
from toolkit.adapters.azure.emulator.sites_beats import Beat
from toolkit.adapters.azure.function_app.timers import latest
from toolkit.domain import schedule
from toolkit.domain.errors import ConfigError

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday


@pytest.mark.parametrize(
    ("portable", "theirs"),
    [
        ("rate(1 minute)", "0 * * * * *"),
        ("rate(20 minutes)", "0 0,20,40 * * * *"),
        ("rate(1 hour)", "0 0 * * * *"),
        ("rate(7 days)", "0 0 0 * * 0"),
        ("30 6 * * MON-FRI", "0 30 6 * * 1,2,3,4,5"),
        ("0 0 * * */2", "0 0 0 * * 0,2,4,6"),
        ("0 12 1-10/3 JAN-MAR *", "0 0 12 1,4,7,10 1,2,3 *"),
        ("*/1 */12 */31 * *", "0 * 0,12 1 * *"),
    ],
)
def test_what_it_says(portable: str, theirs: str) -> None:
    assert ncrontab.expression(portable) == theirs


@given(LINES, MOMENTS)
def test_both_fire_at_the_same_moments(line: str, moment: datetime) -> None:
    same_moments(line, moment, Beat(ncrontab.expression(line)).between)


@given(LINES, MOMENTS)
def test_the_last_time_is_the_schedules_own(line: str, now: datetime) -> None:
    try:
        expected = schedule.parse(line).latest(now)
    except (ConfigError, StopIteration):
        return
    if now - expected < timedelta(days=1000):
        assert latest(ncrontab.expression(line), now) == expected


@pytest.mark.parametrize("line", ["0 0 1 * MON", "0 0 */2 * SUN", "0 0 1-7 * */2"])
def test_a_day_of_both_kinds_is_refused_and_says_why(line: str) -> None:
    """NCRONTAB would fire where both fit; unix cron where either does."""
    with pytest.raises(ConfigError, match="NCRONTAB on both together"):
        ncrontab.expression(line)


def test_the_host_wants_both_days_to_fit() -> None:
    """What the refusal above spares people."""
    year = list(Beat("0 0 0 1 * 1").between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)))
    assert [(one.day, one.isoweekday()) for one in year] == [(1, 1)] * len(year)
    assert len(year) == 1  # of 2026 only June begins on a Monday


@pytest.mark.parametrize(
    "bad", ["* * * * *", "0 0 0 0 * *", "0 61 * * * *", "60 * * * * *", "0 */0 * * * *", "0 0 0 ? * *", "0 0 0 * * 7",
            "0 0 0 L * *", "00:05:00", "", "0 0 0 * * * *"],
)  # fmt: skip
def test_what_the_host_does_not_recognize(bad: str) -> None:
    with pytest.raises(Bad):
        Beat(bad)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 6))
def test_sunday_is_0(minute: int, hour: int, day: int) -> None:
    moment = Beat(ncrontab.expression(f"{minute} {hour} * * {day}")).after(NOON)
    assert moment is not None
    assert (moment.second, moment.minute, moment.hour, moment.isoweekday() % 7) == (0, minute, hour, day)
