"""How an endpoint's versions served, interval by interval: requests, errors, latencies. The functions write it.

An interval is a minute, or what `rollout.stretch` says. Old ones are compacted (`compaction`) without a loss: the same
intervals, added up over all workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec

from toolkit.domain import codec
from toolkit.domain.codec import Record
from toolkit.domain.errors import Corrupt
from toolkit.ports.store import Store
from toolkit.state import keys

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
SECONDS = 60  # of an interval, where nothing else is said


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """`number` counts intervals from 1970. `latencies` are counts per cell of BOUNDS, the last one for what took
    longer."""

    number: int
    requests: int
    errors: int
    latencies: tuple[int, ...]

    def plus(self, other: Interval) -> Interval:
        together = tuple(a + b for a, b in zip(self.latencies, other.latencies, strict=True))
        return Interval(
            number=min(self.number, other.number),
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            latencies=together,
        )


class Served(Record, frozen=True, kw_only=True):
    """One flush of one worker. `seconds` is how long its intervals are."""

    KIND: ClassVar[str] = "served"

    endpoint: str
    model_version: int
    model_digest: str
    seconds: int = SECONDS
    intervals: tuple[Interval, ...]


class Together(Record, frozen=True, kw_only=True):
    """Many flushes, added up: one Served a version and length of interval."""

    KIND: ClassVar[str] = "served-together"

    served: tuple[Served, ...]


def flushes(store: Store, target: str, endpoint: str, start: str, end: str) -> Iterator[Served]:
    """What was flushed from the midnight before `start` on (days are compacted) and before `end`. What happened after
    `start` is in these, as far as it was flushed."""
    from toolkit.state import compaction  # who writes flushes does not need it

    prefix = keys.services(target, endpoint)
    for data in compaction.between(store, prefix, keys.stamp(f"{start[:10]}T00:00:00Z"), keys.stamp(end)):
        yield from _read(data, prefix)


def width(flushed: Sequence[Served], wanted: int = SECONDS) -> int:
    """The length in which all of them can be told, in seconds: `wanted`, or the longest that was counted in."""
    return max([wanted, *(served.seconds for served in flushed)])


Versions = dict[int, dict[int, Interval]]  # model version -> number of the interval


def versions(flushed: Sequence[Served], seconds: int, first: int, last: int) -> Versions:
    """What each version served in intervals of that length, for first <= number < last."""
    found: Versions = {}
    for served in flushed:
        known = found.setdefault(served.model_version, {})
        for interval in served.intervals:
            number = interval.number * served.seconds // seconds
            if first <= number < last:
                told = msgspec.structs.replace(interval, number=number)
                known[number] = known[number].plus(told) if number in known else told
    return found


def compact(store: Store, target: str, endpoint: str, *, now: str, most: int = 48) -> int:
    """Add up the flushes of hours and days gone by; how many of them had something to do."""
    from toolkit.state import compaction

    prefix = keys.services(target, endpoint)

    def merge(flushed: Sequence[bytes]) -> bytes:
        return codec.encode(_together([served for data in flushed for served in _read(data, prefix)]))

    return compaction.compact(store, prefix, merge, now=now, most=most)


def quantile(latencies: Sequence[int], share: float) -> float:
    """The bound in seconds that `share` of the requests did not pass; 0.0 of none."""
    wanted, seen = share * sum(latencies), 0
    for bound, count in zip((*BOUNDS, float("inf")), latencies, strict=True):
        seen += count
        if seen and seen >= wanted:
            return bound
    return 0.0


def _together(flushed: Sequence[Served]) -> Together:
    whole: dict[tuple[int, str, int], list[Served]] = {}
    for served in flushed:
        whole.setdefault((served.model_version, served.model_digest, served.seconds), []).append(served)
    added = []
    for (version, _, seconds), parts in sorted(whole.items()):
        intervals = versions(parts, seconds, 0, 1 << 62)[version]
        ordered = tuple(intervals[number] for number in sorted(intervals))
        added.append(msgspec.structs.replace(parts[0], intervals=ordered))
    return Together(served=tuple(added))


def _read(data: bytes, where: str) -> tuple[Served, ...]:
    """Of a flush, or of what was compacted."""
    try:
        return (codec.decode(data, Served, where=where),)
    except Corrupt:
        return codec.decode(data, Together, where=where).served
