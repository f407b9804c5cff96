"""Every flush is in exactly one profile that a reader sees, whatever a compactor does and wherever it dies."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.adapters.memory.store import MemoryStore, forget
from toolkit.domain.errors import CommitUnknown, Unavailable
from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.counter import Counter
from toolkit.quality.merge import merge
from toolkit.state import compaction, keys, profiles
from toolkit.testing.faults import Crash, Fault, FaultyStore

DIGEST = "1" * 64
ALL = ("2013-01-01T00:00:00Z", "2014-01-01T00:00:00Z")
_names = itertools.count()


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    values = {"x": [float(i % 17) for i in range(400)]}
    return build_baseline(values, (Feature(name="x", dtype="float64"),), None, None, "regression", ())


def flush(store: Any, baseline: Baseline, day: int, hour: int, rows: int, name: str = "") -> str:
    counter = Counter(baseline)
    for row in range(rows):
        counter.add_row((float(row % 23),), None)
    data = counter.take()
    assert data is not None
    key = keys.profile(
        "prod", "flights", DIGEST, f"2013-07-{day:02d}T{hour:02d}:00:00Z", name or f"{next(_names):032x}"
    )
    store.put(key, data)
    return key


def rows(store: Any, baseline: Baseline, start: str = ALL[0], end: str = ALL[1]) -> int:
    return merge(profiles.between(store, "prod", "flights", DIGEST, start, end), baseline).rows


def compact(store: Any, baseline: Baseline, now: str) -> int:
    return profiles.compact(store, "prod", "flights", baseline, DIGEST, now=now)


def count(store: MemoryStore) -> int:
    return len(list(store.list("profiles/")))


def test_a_window_is_what_began_in_it(store: MemoryStore, baseline: Baseline) -> None:
    for hour in range(5):
        flush(store, baseline, 1, hour, 10**hour)
    assert rows(store, baseline, "2013-07-01T01:00:00Z", "2013-07-01T03:00:00Z") == 110


def test_hours_and_then_days_become_one_object_with_the_same_counts(store: MemoryStore, baseline: Baseline) -> None:
    for day, hour, _ in itertools.product((1, 2), (0, 1, 23), range(4)):
        flush(store, baseline, day, hour, 5)
    before = merge(profiles.between(store, "prod", "flights", DIGEST, *ALL), baseline)
    assert compact(store, baseline, "2013-07-03T03:00:00Z") == 6
    assert count(store) == 6
    assert compact(store, baseline, "2013-07-03T03:00:00Z") == 0
    assert rows(store, baseline, "2013-07-01T01:00:00Z", "2013-07-02T01:00:00Z") == 60
    assert compact(store, baseline, "2013-07-20T00:00:00Z") == 2
    assert count(store) == 2
    after = merge(profiles.between(store, "prod", "flights", DIGEST, *ALL), baseline)
    assert (after.rows, after.counts) == (before.rows, before.counts)


def test_what_is_recent_stays_as_it_is(store: MemoryStore, baseline: Baseline) -> None:
    flush(store, baseline, 1, 5, 1), flush(store, baseline, 1, 5, 1)
    assert compact(store, baseline, "2013-07-01T06:30:00Z") == 0


def test_late_and_twice_delivered_flushes_count_once(store: MemoryStore, baseline: Baseline) -> None:
    again = "f" * 32
    for name in ("a" * 32, again):
        flush(store, baseline, 1, 0, 10, name)
    for now in ("2013-07-01T09:00:00Z", "2013-07-20T00:00:00Z"):
        compact(store, baseline, now)
        flush(store, baseline, 1, 0, 10, again)  # its first writing had no reply
        assert rows(store, baseline) == 20
        assert compact(store, baseline, now) == 1  # only removes it
        assert (rows(store, baseline), count(store)) == (20, 1)
    for name in ("b" * 32, "c" * 32):
        flush(store, baseline, 1, 0, 1, name)
    assert rows(store, baseline) == 22
    assert compact(store, baseline, "2013-07-20T00:00:00Z") == 1
    assert (rows(store, baseline), count(store)) == (22, 1)


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.REPLY_LOST, Fault.UNAVAILABLE])
def test_a_compactor_may_die_at_every_call(baseline: Baseline, fault: Fault) -> None:
    for number in range(1, 60):
        name = f"compaction-{fault.name}-{number}"
        store = MemoryStore(name)
        for hour, _ in itertools.product((0, 1), range(2)):
            flush(store, baseline, 1, hour, 7)
        faulty = FaultyStore(store, {number: fault})
        for now in ("2013-07-01T09:00:00Z", "2013-07-20T00:00:00Z"):
            with contextlib.suppress(Crash, Unavailable, CommitUnknown):
                compact(faulty, baseline, now)
            assert rows(store, baseline) == 28, (number, now)
        compact(store, baseline, "2013-07-20T00:00:00Z")
        assert (rows(store, baseline), count(store)) == (28, 1), number
        forget(name)


class _Interrupted(FaultyStore):
    """Another compactor's whole run comes between two calls of this one."""

    def __init__(self, inner: Any, at: int, other: Any) -> None:
        super().__init__(inner)
        self._at, self._other = at, other

    def _call(self, verb: str, key: str, action: Any) -> Any:
        if len(self.calls) + 1 == self._at:
            self._at = -1
            self._other()
        return super()._call(verb, key, action)


@pytest.mark.parametrize("work", ["compact", "read"])
def test_another_compactor_may_come_between_any_two_calls(baseline: Baseline, work: str) -> None:
    for number in range(1, 30):
        name = f"racing-{work}-{number}"
        store = MemoryStore(name)
        for hour, _ in itertools.product((0, 1), range(3)):
            flush(store, baseline, 1, hour, 7)
        late = [1]

        def other(store: MemoryStore = store, late: list[int] = late) -> None:
            flush(store, baseline, 1, 0, late[0])
            compact(store, baseline, "2013-07-01T09:00:00Z")

        racing = _Interrupted(store, number, other)
        if work == "read":
            assert rows(racing, baseline) in (42, 43), number
        else:
            compact(racing, baseline, "2013-07-01T09:00:00Z")
        assert rows(store, baseline) == (43 if racing.calls and racing._at == -1 else 42), number
        forget(name)


def test_without_the_names_of_what_is_in_it_rows_are_counted_twice(
    store: MemoryStore, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ablation: a compactor that died before it deleted."""
    flush(store, baseline, 1, 0, 10), flush(store, baseline, 1, 0, 10)
    original = compaction.Compacted

    def forgetful(**fields: Any) -> Any:
        return original(**{**fields, "sources": ()})

    monkeypatch.setattr(compaction, "Compacted", forgetful)
    with pytest.raises(Crash):
        compact(FaultyStore(store, lambda n, verb: Fault.CRASH_BEFORE if verb == "delete" else None), baseline, ALL[1])
    monkeypatch.undo()
    assert rows(store, baseline) == 40


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("fffch"), st.integers(1, 3), st.integers(0, 3)), max_size=25))
def test_any_order_of_flushes_and_compactions(steps: list[tuple[str, int, int]]) -> None:
    values = {"x": [float(i % 17) for i in range(400)]}
    baseline = build_baseline(values, (Feature(name="x", dtype="float64"),), None, None, "regression", ())
    name = f"any-{next(_names)}"
    store, total = MemoryStore(name), 0
    for what, day, hour in steps:
        if what == "f":
            flush(store, baseline, day, hour, day)
            total += day
        else:
            compact(
                store, baseline, f"2013-07-{11 + day:02d}T00:00:00Z" if what == "c" else f"2013-07-{day:02d}T12:00:00Z"
            )
        assert rows(store, baseline) == total
    forget(name)
