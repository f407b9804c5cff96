"""How an endpoint's versions served, minute by minute: requests, errors, latencies. The functions write it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec

from toolkit.domain import codec
from toolkit.domain.codec import Record
from toolkit.ports.store import Store
from toolkit.state import keys
from toolkit.state.patience import patiently

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds


class Minute(msgspec.Struct, frozen=True, kw_only=True):
    """`minute` counts from 1970. `latencies` are counts per cell of BOUNDS, the last one for what took longer."""

    minute: int
    requests: int
    errors: int
    latencies: tuple[int, ...]

    def plus(self, other: Minute) -> Minute:
        together = tuple(a + b for a, b in zip(self.latencies, other.latencies, strict=True))
        return Minute(
            minute=min(self.minute, other.minute),
            requests=self.requests + other.requests,
            errors=self.errors + other.errors,
            latencies=together,
        )


class Served(Record, frozen=True, kw_only=True):
    """One flush of one worker."""

    KIND: ClassVar[str] = "served"

    endpoint: str
    model_version: int
    model_digest: str
    minutes: tuple[Minute, ...]


def flushes(store: Store, target: str, endpoint: str, start: str) -> Iterator[Served]:
    """Every flush from `start` on; what happened after it is in these."""
    prefix = keys.services(target, endpoint)
    for meta in store.list(prefix, after=prefix + keys.stamp(start)):
        data = patiently(lambda key=meta.key: store.get(key)).data  # type: ignore[misc]  # bound now, called now
        yield codec.decode(data, Served, where=meta.key)


Versions = dict[int, dict[int, Minute]]  # model version -> minute


def between(store: Store, target: str, endpoint: str, start: str, first: int, last: int) -> Versions:
    """Model version -> minute -> what it served, for first <= minute < last; flushes from `start` on are read."""
    found: Versions = {}
    for served in flushes(store, target, endpoint, start):
        version = found.setdefault(served.model_version, {})
        for minute in served.minutes:
            if first <= minute.minute < last:
                known = version.get(minute.minute)
                version[minute.minute] = known.plus(minute) if known else minute
    return found


def quantile(latencies: tuple[int, ...], share: float) -> float:
    """The bound in seconds that `share` of the requests did not pass; 0.0 of none."""
    wanted, seen = share * sum(latencies), 0
    for bound, count in zip((*BOUNDS, float("inf")), latencies, strict=True):
        seen += count
        if seen and seen >= wanted:
            return bound
    return 0.0
