"""Requests, errors and latencies by the interval, on their way to the bucket: what the judge of a rollout compares.

Prometheus text (`measures`) is of one worker and gone with it. These are added up over all workers of a version, and
only for requests that ask for something to be worked out (POST): probes would drown a slow model.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable

from toolkit.state.service import BOUNDS, SECONDS, Interval

MOST = 240  # intervals that may wait for a store that does not answer


class Intervals:
    def __init__(self, clock: Callable[[], float] = time.time, seconds: int = SECONDS) -> None:
        """`seconds` is how long one of them is."""
        self.seconds = seconds
        self._clock = clock
        self._open: dict[int, list[int]] = {}  # number -> requests, errors, then the cells of latency

    def __len__(self) -> int:
        return len(self._open)

    def add(self, status: int, seconds: float) -> None:
        number = int(self._clock()) // self.seconds
        counts = self._open.get(number)
        if counts is None:
            counts = self._open[number] = [0] * (len(BOUNDS) + 3)
            if len(self._open) > MOST:
                del self._open[min(self._open)]
        counts[0] += 1
        if status >= 500:
            counts[1] += 1
        counts[2 + bisect_left(BOUNDS, seconds)] += 1

    def take(self) -> tuple[Interval, ...]:
        """All of them; they are the caller's from now on."""
        taken, self._open = self._open, {}
        return tuple(
            Interval(number=number, requests=counts[0], errors=counts[1], latencies=tuple(counts[2:]))
            for number, counts in sorted(taken.items())
        )
