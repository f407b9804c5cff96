from __future__ import annotations

from toolkit.serving import measures
from toolkit.serving.intervals import MOST, Intervals
from toolkit.state.service import BOUNDS, quantile


class Clock:
    now = 600.0

    def __call__(self) -> float:
        return self.now


def test_requests_are_counted_in_their_interval_once() -> None:
    clock = Clock()
    intervals = Intervals(clock)
    for status, seconds in ((200, 0.001), (500, 0.2), (422, 99.0)):
        intervals.add(status, seconds)
    clock.now += 60
    intervals.add(503, 0.0)
    first, second = intervals.take()
    assert (first.number, first.requests, first.errors, sum(first.latencies)) == (10, 3, 1, 3)
    assert (second.number, second.requests, second.errors) == (11, 1, 1)
    assert first.latencies[-1] == 1
    assert intervals.take() == ()


def test_a_store_that_never_answers_costs_no_more_than_so_many_intervals() -> None:
    clock = Clock()
    intervals = Intervals(clock)
    for _ in range(3 * MOST):
        intervals.add(200, 0.1)
        clock.now += 60
    assert len(intervals) == MOST


def test_the_bounds_are_those_of_the_metrics() -> None:
    assert BOUNDS == measures.BUCKETS


def test_quantiles_are_upper_bounds() -> None:
    latencies = (90, 0, 0, 9, *[0] * (len(BOUNDS) - 4), 1)
    assert [quantile(latencies, share) for share in (0.5, 0.95, 1.0)] == [BOUNDS[0], BOUNDS[3], float("inf")]
    assert quantile((0,) * (len(BOUNDS) + 1), 0.5) == 0.0
