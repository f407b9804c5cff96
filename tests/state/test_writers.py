"""Several writers at once, with lost replies and refusals, on real threads."""

import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from toolkit.adapters.local.store import open_store as open_local
from toolkit.adapters.memory.store import open_store as open_memory
from toolkit.domain.errors import CommitUnknown, Conflict, Throttled, Unavailable
from toolkit.ports.store import Store
from toolkit.state import audit
from toolkit.state.journal import Journal
from toolkit.state.registry import Registry
from toolkit.testing.faults import FaultyStore, lossy

WRITERS = 6
NOW = "2026-01-01T00:00:00.000000Z"


@pytest.fixture(params=["memory", "local"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_memory({"name": uuid4().hex}) if request.param == "memory" else open_local({"store": str(tmp_path)})


def in_threads(count: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_nothing_is_applied_twice_or_lost(bucket: Store) -> None:
    each = 40
    unknown = []

    def write(number: int) -> None:
        journal = Journal(FaultyStore(bucket, lossy(0.2, number, refused=0.05)), "counter")
        for n in range(each):
            op = f"writer-{number}-{n}"
            while True:
                try:
                    # The body is decided on the state it is written on: a lost update would repeat a number.
                    journal.append(op, lambda entries: {"n": len(entries)}, actor=str(number), time=NOW)
                    break
                except (CommitUnknown, Unavailable, Throttled):
                    unknown.append(op)

    in_threads(WRITERS, write)
    entries = list(Journal(bucket, "counter").entries())
    assert [entry.body["n"] for entry in entries] == list(range(WRITERS * each))
    assert len({entry.op for entry in entries}) == WRITERS * each
    assert audit.verify(bucket) == []


def race(bucket: Store, holder: int, candidates: list[int], round_: int) -> tuple[list[int], list[str]]:
    """Everyone promotes another version over `holder`: who won, and what the losers were told."""
    won: list[int] = []
    lost: list[str] = []

    def promote(number: int) -> None:
        version = candidates[number]
        mine = Registry(FaultyStore(bucket, lossy(0.2, number * 100 + round_)), "flights")
        try:
            actor, op = f"writer{version}", f"{round_}-{number}"
            mine.move("champion", version, expect=holder, actor=actor, op=op, time=NOW)
            won.append(version)
        except Conflict as error:
            lost.append(error.message)

    in_threads(WRITERS, promote)
    return won, lost


def test_of_racing_promotions_one_wins_and_the_losers_are_told_who(bucket: Store) -> None:
    registry = Registry(bucket, "flights")
    for n in range(1, WRITERS + 2):
        registry.register(f"{n}" * 64, f"run-{n}", {}, actor="ann", op=f"register-{n}", time=NOW)
    for round_ in range(5):
        holder = registry.aliases().get("champion", 0)
        candidates = [n for n in range(1, WRITERS + 2) if n != holder][:WRITERS]
        won, lost = race(bucket, holder, candidates, round_)
        assert len(won) == 1
        assert registry.aliases() == {"champion": won[0]}
        assert len(lost) == WRITERS - 1
        entry = registry.history()[-1].index
        for message in lost:
            assert f"writer{won[0]} gave it to version {won[0]} at {NOW} (entry {entry})" in message
    assert audit.verify(bucket) == []
