"""The grammar of schedules, and its times against a minute-by-minute count."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.domain import schedule
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import ScheduleSpec

MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2040, 1, 1)).map(lambda m: m.replace(tzinfo=UTC))
RATES = st.sampled_from(
    [f"rate({n} minutes)" for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 1440)]
    + [f"rate({n} hours)" for n in (1, 2, 3, 4, 6, 8, 12, 24, 168)]
    + ["rate(1 day)", "rate(7 days)", "rate(1 hour)", "rate(1 minute)"]
)


@st.composite
def fields(draw: st.DrawFn, low: int, high: int) -> str:
    def part() -> str:
        first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
        step = draw(st.integers(1, high - low + 1))
        stepped = f"{first}-{last}/{step}" if first < last else str(first)
        return draw(st.sampled_from([str(first), f"{first}-{last}", stepped, f"*/{step}"]))

    return ",".join(part() for _ in range(draw(st.integers(1, 3))))


@st.composite
def crons(draw: st.DrawFn) -> str:
    """Portable cron lines: at most one of day of month and day of week."""
    day = draw(st.sampled_from(["*", "month", "week"]))
    return " ".join(
        (
            draw(st.one_of(st.just("*"), fields(0, 59))),
            draw(st.one_of(st.just("*"), fields(0, 23))),
            draw(fields(1, 28)) if day == "month" else "*",
            draw(st.one_of(st.just("*"), fields(1, 12))),
            draw(fields(0, 6)) if day == "week" else "*",
        )
    )


@pytest.mark.parametrize(
    ("expression", "cron"),
    [
        ("rate(1 minute)", "* * * * *"),
        ("rate(5 minutes)", "*/5 * * * *"),
        ("rate(60 minutes)", "0 * * * *"),
        ("rate(1 hour)", "0 * * * *"),
        ("rate( 12  hours )", "0 */12 * * *"),
        ("rate(1440 minutes)", "0 0 * * *"),
        ("rate(1 day)", "0 0 * * *"),
        ("rate(7 days)", "0 0 * * SUN"),
        ("  30 6 * * mon-fri ", "30 6 * * MON-FRI"),
        ("0 0 29 feb *", "0 0 29 FEB *"),
        ("0,30 0-12/2 * JAN,JUL *", "0,30 0-12/2 * JAN,JUL *"),
    ],
)
def test_what_every_provider_can_express(expression: str, cron: str) -> None:
    assert schedule.parse(expression).cron == cron


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "neither a rate"),
        ("hourly", "neither a rate"),
        ("rate(0 minutes)", "not a rate"),
        ("rate(-5 minutes)", "not a rate"),
        ("rate(5 seconds)", "not a rate"),
        ("rate(5 minutes", "not a rate"),
        ("rate(7 minutes)", "60 minutes are not a multiple of 7"),
        ("rate(90 minutes)", "not a multiple of 90"),
        ("rate(5 hours)", "24 hours are not a multiple of 5"),
        ("rate(2 days)", "every day or every 7 days"),
        ("@daily", "@ words"),
        ("0 0 0 * * *", "6 fields"),
        ("0 0 ? * *", "'?'"),
        ("0 0 * * MON#2", "'#'"),
        ("0 0 L * *", "EventBridge's only"),
        ("0 0 15W * *", "EventBridge's only"),
        ("0 0 * * 5L", "EventBridge's only"),
        ("5/15 * * * *", "a step needs"),
        ("5-5/15 * * * *", "two different numbers"),
        ("05-5/15 * * * *", "two different numbers"),
        ("0 0 * * 5-07", "write SUN or 0"),
        ("0 0 * * MON-FRI/2", "two different numbers"),
        ("*/90 * * * *", "longer than the field"),
        ("0 0 1 * MON", "fires on either"),
        ("0 0 * * 7", "write SUN or 0"),
        ("0 0 * * 5-7", "write SUN or 0"),
        ("61 * * * *", "Bad minute"),
        ("*/0 * * * *", "Bad minute"),
        ("0 0 30 2 *", "Bad day-of-month"),
        ("0 0 * * FRI-MON", "Bad day-of-week"),
        ("0 0 * * MONDAY", "Bad day-of-week"),
    ],
)
def test_what_is_refused_and_why(expression: str, why: str) -> None:
    with pytest.raises(ConfigError) as refused:
        schedule.parse(expression)
    assert why in str(refused.value)
    assert "five cron fields" in refused.value.hint


@given(st.text(alphabet="0123456789*/,-LW#?@ MONJANrate()minutes", max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(ConfigError):
        schedule.parse(text)


@given(st.one_of(RATES, crons()), MOMENTS)
@settings(deadline=None)
def test_latest_and_next_enclose_every_moment(expression: str, moment: datetime) -> None:
    found = schedule.parse(expression)
    latest, following = found.latest(moment), next(found.after(moment))
    assert latest <= moment < following
    assert (following.second, following.microsecond) == (0, 0)
    assert found.latest(following) == following
    assert next(found.after(latest)) == following


@given(RATES, MOMENTS)
def test_a_rate_has_an_even_beat(expression: str, moment: datetime) -> None:
    steps = {later - earlier for earlier, later in pairwise(islice(schedule.parse(expression).after(moment), 30))}
    assert len(steps) == 1


@given(crons(), st.datetimes(datetime(2012, 1, 1), datetime(2016, 12, 29)))
@settings(deadline=None, max_examples=30)
def test_times_are_those_a_naive_count_finds(expression: str, start: datetime) -> None:
    begin = start.replace(second=0, microsecond=0, tzinfo=UTC)
    minutes = [begin + timedelta(minutes=n) for n in range(1, 600)]
    expected = [m for m in minutes if _matches(expression, m)]
    found = []
    for moment in schedule.parse(expression).after(begin):
        if moment > minutes[-1]:
            break
        found.append(moment)
    assert found == expected


@given(st.one_of(RATES, crons()), MOMENTS, st.timedeltas(timedelta(0), timedelta(days=40)))
@settings(deadline=None)
def test_due_is_the_last_missed_time_and_only_once(expression: str, since: datetime, away: timedelta) -> None:
    found, now = schedule.parse(expression), since + away
    due = found.due(since, now)
    if due is None:
        assert next(found.after(since)) > now
        return
    assert since < due <= now < next(found.after(due))
    assert found.due(due, now) is None


def test_the_event_names_its_schedule_and_its_time() -> None:
    spec = ScheduleSpec(name="drift", expression="rate(1 hour)", function="check", event={"endpoint": "flights"})
    assert schedule.event(spec, datetime(2013, 7, 1, tzinfo=UTC)) == {
        "source": "toolkit.schedule",
        "schedule": "drift",
        "time": "2013-07-01T00:00:00.000000Z",
        "endpoint": "flights",
    }


def _matches(expression: str, moment: datetime) -> bool:
    values = (moment.minute, moment.hour, moment.day, moment.month, (moment.weekday() + 1) % 7)
    lows, highs = (0, 0, 1, 1, 0), (59, 23, 31, 12, 6)
    return all(_in_field(field, *rest) for field, *rest in zip(expression.split(), values, lows, highs, strict=True))


def _in_field(field: str, value: int, low: int, high: int) -> bool:
    for part in field.split(","):
        base, _, step = part.partition("/")
        first, last = (low, high) if base == "*" else (int(base.split("-")[0]), int(base.split("-")[-1]))
        if value in range(first, last + 1, int(step or 1)):
            return True
    return False
