"""Counts of requests by interval: nothing is lost or counted twice by compaction, and lengths may differ."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from toolkit.adapters.memory.store import MemoryStore, forget
from toolkit.domain import codec, times
from toolkit.state import keys, service
from toolkit.state.service import BOUNDS, Interval, Served, Versions

START, END, NOW = "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z", "2026-01-20T00:00:00Z"
MIDNIGHT = int(times.parse(START).timestamp())
_names = itertools.count()


def flush(store: MemoryStore, minute: int, *, version: int = 1, requests: int = 10, seconds: int = 60) -> None:
    latencies = (requests, *[0] * len(BOUNDS))
    number = (MIDNIGHT + 60 * minute) // seconds
    interval = Interval(number=number, requests=requests, errors=requests // 5, latencies=latencies)
    served = Served(
        endpoint="e", model_version=version, model_digest=str(version) * 64, seconds=seconds, intervals=(interval,)
    )
    time = times.text(times.parse(START).fromtimestamp(MIDNIGHT + 60 * minute + 45, times.parse(START).tzinfo))
    store.put(keys.service("t", "e", time, f"{next(_names):032x}"), codec.encode(served))


def seen(store: MemoryStore, start: str = START, seconds: int = 60) -> Versions:
    flushed = list(service.flushes(store, "t", "e", start, END))
    return service.versions(flushed, service.width(flushed, seconds), 0, 1 << 62)


@given(st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 3), st.integers(0, 50)), max_size=20))
def test_compaction_changes_nothing_that_is_read(flushed: list[tuple[int, int, int]]) -> None:
    store = MemoryStore(name := f"service-{next(_names)}")
    for minute, version, requests in flushed:
        flush(store, minute, version=version, requests=requests)
    before = seen(store)
    hours = {minute // 60 for minute, _, _ in flushed}
    assert service.compact(store, "t", "e", now="2026-01-07T00:00:00Z") <= len(hours)
    assert seen(store) == before
    service.compact(store, "t", "e", now=NOW)
    assert seen(store) == before
    assert seen(store, "2026-01-05T23:59:00Z") == before, "a day is whole"
    assert len(list(store.list(keys.services("t", "e")))) == min(1, len(flushed))
    forget(name)


def test_intervals_of_two_lengths_are_told_in_the_longer(store: MemoryStore) -> None:
    flush(store, 3, seconds=60)
    for _ in range(3):
        flush(store, 3, seconds=5, requests=2)
    (interval,) = seen(store, seconds=5)[1].values()
    assert (interval.number, interval.requests) == (MIDNIGHT // 60 + 3, 16)
