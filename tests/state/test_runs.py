from collections.abc import Callable
from pathlib import Path

import pytest

from tests.state.crashes import NOW, run_end, run_spec
from toolkit.adapters.local.store import open_store
from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain import codec
from toolkit.domain.errors import ConfigError, Conflict, NotFound
from toolkit.ports.store import OVERWRITE, Meta, Mode, Store
from toolkit.state import keys
from toolkit.state.runindex import Index, RunIndex
from toolkit.state.runs import Runs
from toolkit.testing.faults import Crash, Fault, FaultyStore


def created(day: int) -> str:
    return f"2026-01-{day:02d}T00:00:00.000000Z"


def fill(store: Store, count: int, *, ended: int | None = None, model: str = "flights", start: int = 1) -> Runs:
    runs = Runs(store)
    for n in range(start, start + count):
        runs.create(run_spec(f"r{n:02d}", model=model, created=created(n), params={"depth": n}))
        if ended is None or n < start + ended:
            runs.end(run_end(f"r{n:02d}", metrics={"auc": n / 100}))
    return runs


def test_the_life_of_a_run(store: MemoryStore) -> None:
    runs = Runs(store, clock=lambda: NOW)
    spec = run_spec("r1")
    assert runs.create(spec)
    assert runs.spec("r1") == spec
    assert runs.view("r1").status == "queued"
    assert runs.claim("r1", "job-1")
    view = runs.view("r1")
    assert (view.status, view.end, view.metrics, view.id) == ("running", None, {}, "r1")
    with runs.log("r1") as log:
        log.metric("loss", 0.5, step=1)
    end = run_end("r1", status="failed", reason="exit code 3")
    assert runs.end(end) == end
    view = runs.view("r1")
    assert (view.status, view.end) == ("failed", end)


def test_the_same_run_is_made_once(store: MemoryStore) -> None:
    runs = Runs(store)
    assert runs.create(run_spec("r1"))
    assert not runs.create(run_spec("r1", actor="bob"))
    assert not Runs(store).create(run_spec("r1"))
    assert len(runs.list()) == 1


def test_who_claims_first_executes(store: MemoryStore) -> None:
    runs = Runs(store)
    runs.create(run_spec("r1"))
    assert runs.claim("r1", "job-1")
    assert not runs.claim("r1", "job-2")
    assert runs.claim("r1", "job-1"), "the provider tries the same job again"


def test_the_first_end_stays(store: MemoryStore) -> None:
    runs = Runs(store)
    runs.create(run_spec("r1"))
    first = runs.end(run_end("r1", status="cancelled", reason="by ann"))
    assert runs.end(run_end("r1")) == first
    assert runs.view("r1").status == "cancelled"


def test_an_end_with_a_metric_that_is_no_number_can_be_read(store: MemoryStore) -> None:
    runs = Runs(store)
    runs.create(run_spec("r1"))
    assert runs.end(run_end("r1", metrics={"auc": 0.5, "loss": float("nan")})).metrics == {"auc": 0.5}
    assert runs.view("r1").metrics == {"auc": 0.5}


def test_what_is_not_there(store: MemoryStore) -> None:
    runs = Runs(store)
    with pytest.raises(NotFound, match="no run r9") as caught:
        runs.view("r9")
    assert caught.value.hint == "toolkit runs ls"
    with pytest.raises(ConfigError):
        runs.log("../r9")
    assert list(runs.list()) == []
    assert runs.metrics("r9") == {}


def test_a_marker_without_a_run_is_no_run(store: MemoryStore) -> None:
    with pytest.raises(Crash):
        Runs(FaultyStore(store, {2: Fault.CRASH_AFTER})).create(run_spec("r1"))
    assert [meta.key for meta in store.list()] == [keys.run_tail("r1")]
    assert list(Runs(store).list()) == []
    assert Runs(store).create(run_spec("r1"))
    assert len(Runs(store).list()) == 1


@pytest.mark.parametrize("at_least", [1, 5])
def test_compaction_changes_nothing_that_is_seen(store: MemoryStore, at_least: int) -> None:
    runs = fill(store, 8, ended=6)
    before = list(runs.list())
    assert [view.id for view in before] == [f"r{n:02d}" for n in range(8, 0, -1)]
    assert runs.compact(at_least=at_least) == 6
    assert list(runs.list()) == before
    assert list(Runs(store).list()) == before
    assert [meta.key for meta in store.list(keys.RUN_TAIL)] == [keys.run_tail("r07"), keys.run_tail("r08")]
    assert runs.compact(at_least=at_least) == 0


def test_compaction_waits_for_enough(store: MemoryStore) -> None:
    assert fill(store, 5).compact(at_least=6) == 0
    assert not list(store.list(keys.CACHE))


def test_later_compactions_fill_the_last_part(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.state.runs.PART_RUNS", 5)
    for start in (1, 4, 7, 10):
        fill(store, 3, start=start).compact(at_least=1)
    _, index = RunIndex(store).read()
    assert [part.runs for part in index.parts] == [3, 3, 3, 3]
    monkeypatch.setattr("toolkit.state.runs.PART_RUNS", 7)
    fill(store, 3, start=13).compact(at_least=1)
    fill(store, 1, start=16).compact(at_least=1)
    _, index = RunIndex(store).read()
    assert [part.runs for part in index.parts] == [3, 3, 3, 7]
    assert [view.id for view in Runs(store).list()] == [f"r{n:02d}" for n in range(16, 0, -1)]


def test_models_are_told_apart(store: MemoryStore) -> None:
    fill(store, 3, model="flights")
    fill(store, 2, model="trains", start=10)
    runs = Runs(store)
    for compacted in (False, True):
        if compacted:
            runs.compact(at_least=1)
            fill(store, 1, model="trains", start=20)
        assert [view.id for view in runs.list("flights")] == ["r03", "r02", "r01"]
        assert [view.id for view in runs.list("trains")] == (["r20"] if compacted else []) + ["r11", "r10"]
        assert list(runs.list("planes")) == []


def test_search_sees_index_and_tail(store: MemoryStore) -> None:
    runs = fill(store, 10)
    runs.compact(at_least=1)
    fill(store, 3, start=11, ended=2)
    found = runs.search(where=[("metrics.auc", ">", 0.05), ("params.depth", "!=", 7)], order="-metrics.auc", limit=4)
    assert [view.id for view in found] == ["r12", "r11", "r10", "r09"]
    assert [view.id for view in runs.search(where=[("status", "=", "queued")])] == ["r13"]
    assert [view.id for view in runs.search(order="metrics.auc")][-1] == "r13", "what lacks the field comes last"
    assert [view.id for view in runs.search(order="-metrics.auc")][-1] == "r13"
    assert [view.id for view in runs.search("flights", where=[("created", "<=", created(2))], order="created")] == [
        "r01",
        "r02",
    ]
    with pytest.raises(ConfigError, match="no field 'accuracy'"):
        runs.search(order="accuracy")
    with pytest.raises(ConfigError, match="unknown operator"):
        runs.search(where=[("id", "~", "r")])


# The index is a cache


@pytest.mark.parametrize("damage", ["no index", "no parts", "no cache", "bits in the index", "bits in a part"])
def test_a_lost_or_damaged_index_is_made_anew(store: MemoryStore, damage: str) -> None:
    runs = fill(store, 6, ended=5)
    before = list(runs.list())
    runs.compact(at_least=1)
    (part,) = [meta.key for meta in store.list(keys.RUN_PARTS)]
    if damage in {"no index", "no cache"}:
        store.delete(keys.RUN_INDEX)
    if damage in {"no parts", "no cache"}:
        store.delete(part)
    if damage == "bits in the index":
        store.put(keys.RUN_INDEX, b"bits")
    if damage == "bits in a part":
        store.put(part, store.get(part).data[:-5])
    assert list(Runs(store).list()) == before
    assert list(Runs(store).list()) == before
    assert Runs(store).compact(at_least=1) == 0


def test_compaction_over_a_damaged_index(store: MemoryStore) -> None:
    fill(store, 3).compact(at_least=1)
    store.put(keys.RUN_INDEX, b"bits")
    fill(store, 2, start=4).compact(at_least=1)
    assert len(Runs(store).list()) == 5
    assert not list(store.list(keys.RUN_TAIL))


def test_reindex(store: MemoryStore) -> None:
    runs = fill(store, 5, ended=4)
    assert runs.reindex() == 4
    assert len(runs.list()) == 5
    runs.compact(at_least=1)
    assert [meta.key for meta in store.list(keys.RUN_TAIL)] == [keys.run_tail("r05")]


# Races


class Meanwhile(FaultyStore):
    """Something else happens right before our write of a key."""

    def __init__(self, inner: Store, key: str, happening: Callable[[], None]) -> None:
        super().__init__(inner)
        self._key = key
        self._happenings = [happening]

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        if key == self._key and self._happenings:
            self._happenings.pop()()
        return super().put(key, data, mode)


def test_of_two_compactions_the_loser_starts_again(store: MemoryStore) -> None:
    fill(store, 4)

    def rival() -> None:
        fill(store, 2, start=10)
        assert Runs(store).compact(at_least=1) == 6

    assert Runs(Meanwhile(store, keys.RUN_INDEX, rival)).compact(at_least=1) == 0
    assert len(Runs(store).list()) == 6
    _, index = RunIndex(store).read()
    assert sum(part.runs for part in index.parts) == 6


def test_a_compaction_that_always_loses_says_so(store: MemoryStore) -> None:
    fill(store, 2)

    class Losing(FaultyStore):
        def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
            if key == keys.RUN_INDEX:
                self.inner.put(key, codec.encode(Index(nonce=str(len(self.calls)))))
            return super().put(key, data, mode)

    with pytest.raises(Conflict, match="faster each time"):
        Runs(Losing(store)).compact(at_least=1)
    assert len(list(store.list(keys.RUN_TAIL))) == 2


@pytest.mark.parametrize("call", range(1, 8))
def test_a_reader_in_the_middle_of_a_compaction_misses_no_run(store: MemoryStore, call: int) -> None:
    """Whatever of the reader's requests the compaction comes before."""
    fill(store, 4).compact(at_least=1)
    fill(store, 3, start=5)

    def compact(number: int, verb: str) -> None:
        if number == call:
            Runs(store).compact(at_least=1)

    expected = [f"r{n:02d}" for n in range(7, 0, -1)]
    assert [view.id for view in Runs(FaultyStore(store, compact)).list()] == expected
    assert [view.id for view in Runs(store).list()] == expected


def test_a_compaction_that_died_between_index_and_tail_counts_no_run_twice(store: MemoryStore) -> None:
    fill(store, 3)
    plan = lambda number, verb: Fault.CRASH_BEFORE if verb == "delete" else None  # noqa: E731
    with pytest.raises(Crash):
        Runs(FaultyStore(store, plan)).compact(at_least=1)
    assert len(list(store.list(keys.RUN_TAIL))) == 3
    assert [view.id for view in Runs(store).list()] == ["r03", "r02", "r01"]
    assert Runs(store).compact(at_least=1) == 0
    assert not list(store.list(keys.RUN_TAIL))


def test_old_parts_that_nobody_names_are_swept() -> None:
    store = MemoryStore("sweep", clock=lambda: created(1))
    fill(store, 3).compact(at_least=1)
    fill(store, 2, start=4).compact(at_least=1)
    assert len(list(store.list(keys.RUN_PARTS))) == 2, "a reader may still be at it"
    store.clock = lambda: created(5)
    fill(store, 2, start=6)
    Runs(store).compact(at_least=1)
    assert len(list(store.list(keys.RUN_PARTS))) == 1
    assert len(Runs(store).list()) == 7


def test_reading_the_index_is_a_handful_of_requests(store: MemoryStore) -> None:
    fill(store, 30).compact(at_least=1)
    watched = FaultyStore(store)
    reader = Runs(watched)
    reader.list()
    assert [verb for verb, _ in watched.calls] == ["list", "get", "get"]
    watched.calls.clear()
    reader.search(where=[("metrics.auc", ">", 0.5)])
    assert [verb for verb, _ in watched.calls] == ["list", "get"]


def test_on_files(tmp_path: Path) -> None:
    store = open_store({"store": str(tmp_path)})
    runs = fill(store, 5, ended=4)
    assert runs.compact(at_least=1) == 4
    assert [view.id for view in Runs(store).list()] == [f"r{n:02d}" for n in range(5, 0, -1)]
