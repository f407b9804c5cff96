"""Every cloud's cron is held to the portable grammar: the same lines, and the same moments at which they fire."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice

from hypothesis import strategies as st

from toolkit.domain import schedule
from toolkit.domain.errors import ConfigError

NAMED = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]


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


def same_moments(line: str, moment: datetime, theirs: Callable[[datetime, datetime], Iterable[datetime]]) -> None:
    """The next five moments of `line` after `moment` are those that `theirs` (after, until) fires at."""
    try:
        expected = list(islice(schedule.parse(line).after(moment), 5))
    except ConfigError:  # no such day (30 February), or a step longer than its field
        return
    until = expected[-1] if expected else moment
    if until - moment < timedelta(days=1000):
        assert list(theirs(moment, until)) == expected
