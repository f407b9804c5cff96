"""Portable schedules in EventBridge's words fire at the same moments: two readers of two grammars agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from tests.adapters.cron import LINES, MOMENTS, same_moments
from toolkit.adapters.aws import eventbridge
from toolkit.adapters.aws.emulator.beats import Bad, Beat


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


@given(LINES, MOMENTS)
def test_both_fire_at_the_same_moments(line: str, moment: datetime) -> None:
    same_moments(line, moment, lambda after, until: Beat(eventbridge.expression(line)).between(after, until, moment))


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
