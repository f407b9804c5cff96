"""Portable schedules in EventBridge's words fire at the same moments: two readers of two grammars agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.aws import eventbridge
from toolkit.adapters.aws.emulator.beats import Bad, Beat
from toolkit.domain import schedule
from toolkit.domain.errors import ConfigError

NAMED = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


@pytest.mark.parametrize(
    ("portable", "theirs"),
    [
        ("rate(5 minutes)", "cron(0/5 * * * ? *)"),
        ("rate(1 hour)", "cron(0 * * * ? *)"),
        ("rate(7 days)", "cron(0 0 ? * SUN *)"),
        ("30 6 * * MON-FRI", "cron(30 6 ? * MON,TUE,WED,THU,FRI *)"),
        ("0 0 * * 0", "cron(0 0 ? * SUN *)"),
        ("0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"),
        ("0 12 1-10/3 JAN-MAR *", "cron(0 12 1,4,7,10 JAN-MAR ? *)"),
        ("0 0 */10 * *", "cron(0 0 1/10 * ? *)"),
    ],
)
def test_what_it_says(portable: str, theirs: str) -> None:
    assert eventbridge.expression(portable) == theirs


def _field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).filter(lambda pair: pair[0] < pair[1])
    part = st.one_of(
        number.map(str),
        spans.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.integers(1, high - low).map(lambda step: f"*/{step}"),
        st.tuples(spans, st.integers(1, high - low)).map(lambda two: f"{two[0][0]}-{two[0][1]}/{two[1]}"),
    )
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


DAYS = st.one_of(_field(0, 6), st.lists(st.sampled_from(NAMED), min_size=1, max_size=3).map(",".join))
LINES = st.one_of(
    st.tuples(_field(0, 59), _field(0, 23), _field(1, 31), _field(1, 12), st.just("*")),
    st.tuples(_field(0, 59), _field(0, 23), st.just("*"), _field(1, 12), DAYS),
).map(" ".join)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(LINES, MOMENTS)
def test_both_fire_at_the_same_moments(line: str, moment: datetime) -> None:
    try:
        expected = list(islice(schedule.parse(line).after(moment), 5))
    except ConfigError:  # no such day (30 February), or a step longer than its field
        return
    theirs = Beat(eventbridge.expression(line))
    until = expected[-1] if expected else moment
    if until - moment < timedelta(days=1000):
        assert list(theirs.between(moment, until, moment)) == expected


def test_a_rate_counts_from_when_it_was_set() -> None:
    begun = datetime(2026, 1, 1, 0, 7, 30, tzinfo=UTC)
    beats = Beat("rate(10 minutes)").between(begun, begun + timedelta(minutes=25), begun)
    assert [beat.minute for beat in beats] == [17, 27]
    later = Beat("rate(10 minutes)").between(begun + timedelta(minutes=15), begun + timedelta(minutes=25), begun)
    assert [beat.minute for beat in later] == [27]


def test_a_moment_comes_once() -> None:
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    at = Beat("at(2026-01-01T12:00:00)")
    assert list(at.between(moment - timedelta(seconds=1), moment, moment)) == [moment]
    assert list(at.between(moment, moment + timedelta(days=1), moment)) == []


@pytest.mark.parametrize(
    "bad",
    ["", "* * * * *", "cron(* * * * *)", "cron(* * * * * *)", "cron(* * ? * ? *)", "cron(60 * * * ? *)",
     "cron(5-1 * * * ? *)", "cron(*/0 * * * ? *)", "cron(0 0 ? * FOO *)", "rate(0 minutes)", "rate(1 minutes)",
     "rate(5 minute)", "rate(5 weeks)", "at(tomorrow)"],
)  # fmt: skip
def test_what_is_no_expression(bad: str) -> None:
    with pytest.raises(Bad, match="Invalid Schedule Expression"):
        Beat(bad)
