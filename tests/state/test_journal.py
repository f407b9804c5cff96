import functools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.state.crashes import NOW, Counting
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import BrokenChain, CommitUnknown, Conflict, Corrupt, NewerFormat, NotFound, Throttled
from toolkit.ports.store import CREATE
from toolkit.state import journal as module
from toolkit.state import keys
from toolkit.state.journal import EMPTY, Entry, Journal, names
from toolkit.testing.faults import Fault, FaultyStore

WHO: dict[str, Any] = {"actor": "ann", "time": NOW}


def _same(body: dict[str, Any], state: object) -> dict[str, Any]:
    return body


READS: tuple[Callable[[Journal[Any]], object], ...] = (
    lambda journal: journal.head(),
    lambda journal: list(journal.entries()),
    lambda journal: journal.append("x", lambda state: {}, actor="ann", time=NOW),
)


def filled(store: MemoryStore, count: int, name: str = "things/a") -> Journal[dict[str, int]]:
    journal = Journal(store, name, Counting())
    for n in range(count):
        body = {"n": n}
        journal.append(f"op-{n}", functools.partial(_same, body), **WHO)
    return journal


def test_an_empty_journal(store: MemoryStore) -> None:
    journal = Journal(store, "things/a")
    assert journal.head() == EMPTY
    assert journal.state() == ()
    assert list(journal.entries()) == []
    with pytest.raises(NotFound, match="no entry 1"):
        journal.entry(1)


def test_entries_are_numbered_and_chained(store: MemoryStore) -> None:
    journal = filled(store, 3)
    first, second, third = journal.entries()
    assert (first.index, second.index, third.index) == (1, 2, 3)
    assert first.prev == ""
    assert journal.head().index == 3
    assert list(journal.entries(after=2)) == [third]
    assert journal.entry(2) == second
    assert (third.op, third.actor, third.time, third.body) == ("op-2", "ann", NOW, {"n": 2})
    assert json.loads(store.get("journal/things/a/0000000000000003.json").data)["kind"] == "journal-entry"


def test_the_same_operation_has_its_first_outcome(store: MemoryStore) -> None:
    filled(store, 5)
    again = Journal(store, "things/a", Counting()).append("op-1", lambda state: {"other": True}, actor="bob", time="x")
    assert (again.index, again.body, again.actor) == (2, {"n": 1}, "ann")


def test_a_loser_decides_again_on_the_new_head(store: MemoryStore) -> None:
    journal, other = Journal(store, "things/a"), Journal(store, "things/a")
    seen = []

    def decide(entries: tuple[Entry, ...]) -> dict[str, Any]:
        seen.append(len(entries))
        if len(seen) == 1:
            other.append("other", lambda entries: {}, **WHO)
        return {"n": len(entries)}

    assert journal.append("mine", decide, **WHO).index == 2
    assert seen == [0, 1]


def test_a_decision_may_refuse_or_point_to_an_entry(store: MemoryStore) -> None:
    journal = filled(store, 2)

    def refuse(state: object) -> dict[str, Any]:
        raise Conflict("no")

    with pytest.raises(Conflict):
        journal.append("x", refuse, **WHO)
    assert journal.append("y", lambda state: journal.entry(1), **WHO).index == 1
    assert journal.head().index == 2


def test_a_journal_that_is_too_busy_says_so(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOST_RACES", 3)
    journal, other = Journal(store, "things/a"), Journal(store, "things/a")
    count = iter(range(100))

    def decide(entries: object) -> dict[str, Any]:
        other.append(f"other-{next(count)}", lambda entries: {}, **WHO)
        return {}

    with pytest.raises(Throttled, match="3 races"):
        journal.append("mine", decide, **WHO)


# Outcomes that cannot be told


def test_an_unreadable_outcome_is_unknown_and_nothing_is_cleaned_up(store: MemoryStore) -> None:
    filled(store, 1)

    def plan(number: int, verb: str) -> Fault | None:
        if verb == "put":
            return Fault.REPLY_LOST
        return Fault.UNAVAILABLE if ("put", keys.entry("things/a", 2)) in faulty.calls else None

    faulty = FaultyStore(store, plan)
    journal = Journal(faulty, "things/a", Counting())
    with pytest.raises(CommitUnknown, match="got no answer"):
        journal.append("mine", lambda state: {}, **WHO)
    assert Journal(store, "things/a").entry(2).op == "mine"
    done = Journal(store, "things/a").append("mine", lambda state: {}, **WHO)
    assert done.index == 2


def test_a_store_that_refuses_every_write_is_unknown_in_the_end(store: MemoryStore) -> None:
    plan = lambda number, verb: Fault.UNAVAILABLE if verb == "put" else None  # noqa: E731
    faulty = FaultyStore(store, plan)
    with pytest.raises(CommitUnknown, match="503"):
        Journal(faulty, "things/a").append("mine", lambda state: {}, **WHO)
    assert 2 <= sum(verb == "put" for verb, _ in faulty.calls) <= 5


# Checkpoints are caches


def test_reading_costs_a_checkpoint_an_anchor_and_a_few_probes(store: MemoryStore) -> None:
    filled(store, 100)
    watched = FaultyStore(store)
    journal = Journal(watched, "things/a", Counting())
    assert journal.head().index == 100
    assert len(watched.calls) <= 2 + Journal.CHECKPOINT_EVERY + 1
    watched.calls.clear()
    assert journal.head().index == 100
    assert watched.calls == [("get", keys.entry("things/a", 101))]


def test_an_old_operation_is_found_without_a_scan(store: MemoryStore) -> None:
    filled(store, 200)
    watched = FaultyStore(store)
    assert Journal(watched, "things/a", Counting()).append("op-3", lambda state: {}, **WHO).index == 4
    assert len(watched.calls) <= 3 + Journal.CHECKPOINT_EVERY + 1


def test_operation_ids_whose_marks_collide_are_told_apart(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_mark", lambda op: b"collide!")
    journal = filled(store, 20)
    assert [journal.append(f"op-{n}", lambda state: {}, **WHO).index for n in (0, 19, 20)] == [1, 20, 21]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"{}",
        lambda data: data[:-10],
        lambda data: data.replace(b'"index":16', b'"index":15'),
        lambda data: data.replace(b'"op-3":1', b'"op-3":2'),
        lambda data: data.replace(b'"format":1', b'"format":2'),
        lambda data: data.replace(b"counting-1", b"counting-2"),
        lambda data: data.replace(b"things/a", b"things/b"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over(store: MemoryStore, damage: Any) -> None:
    filled(store, 20)
    key = keys.checkpoint("things/a")
    good = store.get(key).data
    assert damage(good) != good
    store.put(key, damage(good))
    journal = Journal(store, "things/a", Counting())
    assert journal.state() == {f"op-{n}": 1 for n in range(20)}
    assert journal.append("op-3", lambda state: {}, **WHO).index == 4


def test_a_deleted_checkpoint_is_made_anew(store: MemoryStore) -> None:
    filled(store, 20)
    store.delete(keys.checkpoint("things/a"))
    Journal(store, "things/a", Counting()).append("new", lambda state: {}, **WHO)
    assert store.head(keys.checkpoint("things/a"))


def test_the_checkpoint_of_an_earlier_life_is_not_believed(store: MemoryStore) -> None:
    filled(store, 20)
    for n in range(1, 21):
        store.delete(keys.entry("things/a", n))
    assert Journal(store, "things/a", Counting()).head() == EMPTY
    filled(store, 18)  # the same ids and times: another chain would not even need other bytes
    store.delete(keys.entry("things/a", 18))
    assert Journal(store, "things/a", Counting()).head().index == 17


def test_failing_to_write_a_checkpoint_is_no_failure(store: MemoryStore) -> None:
    plan = lambda number, verb: Fault.UNAVAILABLE if number in {50, 51, 52, 53} else None  # noqa: E731
    journal = Journal(FaultyStore(store, plan), "things/a")
    for n in range(40):
        journal.append(f"op-{n}", lambda entries: {}, **WHO)
    assert journal.head().index == 40


def test_without_a_fold_the_state_survives_a_checkpoint(store: MemoryStore) -> None:
    journal = Journal(store, "things/a")
    for n in range(20):
        journal.append(f"op-{n}", lambda entries: {"n": len(entries)}, **WHO)
    watched = FaultyStore(store)
    assert Journal(watched, "things/a").state() == tuple(journal.entries())
    assert len(watched.calls) < 10


# A chain that does not hold


def rewrite(store: MemoryStore, index: int, /, **changes: Any) -> None:
    key = keys.entry("things/a", index)
    document = json.loads(store.get(key).data)
    store.put(key, json.dumps({**document, **changes}).encode())


@pytest.mark.parametrize(
    ("index", "changes"),
    [
        (2, {"body": {"n": 7}}),
        (2, {"prev": "0" * 64}),
        (3, {"index": 2}),
        (1, {"journal": "things/b"}),
        (2, {"op": "x"}),
    ],
)
def test_a_changed_entry_breaks_the_chain(store: MemoryStore, index: int, changes: dict[str, Any]) -> None:
    filled(store, 4)
    rewrite(store, index, **changes)
    for read in READS:
        with pytest.raises(BrokenChain, match="does not follow") as caught:
            read(Journal(store, "things/a"))
        assert caught.value.hint == "toolkit audit verify"


def test_an_unreadable_entry_is_corrupt(store: MemoryStore) -> None:
    filled(store, 3)
    store.put(keys.entry("things/a", 2), b"{")
    with pytest.raises(Corrupt, match="0000000000000002"):
        Journal(store, "things/a").head()


def test_a_newer_entry_is_refused_with_what_to_install(store: MemoryStore) -> None:
    filled(store, 2)
    rewrite(store, 2, format=9, writer="7.0.0")
    for read in READS:
        with pytest.raises(NewerFormat) as caught:
            read(Journal(store, "things/a"))
        assert caught.value.hint == "pip install 'driftloop>=7.0.0'"


# Names


def test_names_under_a_prefix(store: MemoryStore) -> None:
    for name in ("registry/a", "registry/a-b", "registry/a0", "registry/b", "releases/dev/x", "releases/dev/y"):
        store.put(keys.entry(name, 1), b"", CREATE)
        store.put(keys.entry(name, 2), b"", CREATE)
    assert sorted(names(store, "registry/")) == ["a", "a-b", "a0", "b"]
    assert list(names(store, "releases/")) == ["dev"]
    assert list(names(store, "releases/dev/")) == ["x", "y"]
    assert list(names(store, "nothing/")) == []


# The fold, whatever happens around it


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 30), st.sampled_from(["", "delete", "stale", "new handle"])),
        max_size=60,
    )
)
def test_the_state_is_the_fold_of_distinct_operations(steps: list[tuple[int, int, str]]) -> None:
    store = MemoryStore("fold")
    for meta in list(store.list()):
        store.delete(meta.key)
    key = keys.checkpoint("things/a")
    handles = [Journal(store, "things/a", Counting()) for _ in range(3)]
    done: Counter[str] = Counter()
    saved = b""
    for who, number, event in steps:
        op = f"op-{number}"
        handles[who].append(op, lambda state: {}, **WHO)
        done[op] = 1
        if event == "delete":
            store.delete(key)
        elif event == "stale" and saved:
            store.put(key, saved)
        elif event == "new handle":
            handles[who] = Journal(store, "things/a", Counting())
        saved = next((store.get(meta.key).data for meta in store.list(key)), saved)
    assert all(handle.state() == dict(done) for handle in [*handles, Journal(store, "things/a", Counting())])
