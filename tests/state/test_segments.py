import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import CommitUnknown
from toolkit.state import keys, segments
from toolkit.state.runs import Runs
from toolkit.state.segments import FLUSH_EVENTS, SegmentWriter
from toolkit.testing.faults import Fault, FaultyStore


@pytest.fixture(autouse=True)
def _only_when_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FLUSH_SECONDS", 1e9)


def values(store: MemoryStore, name: str = "loss") -> list[float]:
    return [point.value for point in Runs(store).metrics("r1").get(name, ())]


def pieces(store: MemoryStore) -> int:
    return len(list(store.list(f"{keys.run('r1')}segments/")))


def test_what_was_logged_is_read(store: MemoryStore) -> None:
    clock = iter(f"2026-01-01T00:00:{n:02d}Z" for n in range(60))
    with SegmentWriter(store, "r1", clock=lambda: next(clock)) as log:
        log.metric("loss", 0.5, step=1)
        log.metrics({"loss": 0.25, "auc": 0.75}, step=2)
        log.metric("loss", 1)
        log.param("depth", 3)
        log.artifact("plot.png", "f" * 64)
    runs = Runs(store)
    assert [(p.value, p.step, p.time) for p in runs.metrics("r1")["loss"]] == [
        (0.5, 1, "2026-01-01T00:00:00Z"),
        (0.25, 2, "2026-01-01T00:00:01Z"),
        (1.0, None, "2026-01-01T00:00:03Z"),
    ]
    assert list(runs.metrics("r1")) == ["auc", "loss"]
    assert runs.params("r1") == {"depth": 3}
    assert runs.artifacts("r1") == {"plot.png": "f" * 64}


def test_numbers_that_json_does_not_have(store: MemoryStore) -> None:
    with SegmentWriter(store, "r1") as log:
        for value in (float("nan"), float("inf"), float("-inf"), 1e308):
            log.metric("loss", value)
    nan, *rest = values(store)
    assert math.isnan(nan)
    assert rest == [math.inf, -math.inf, 1e308]


def test_parameters_of_any_kind(store: MemoryStore) -> None:
    with SegmentWriter(store, "r1") as log:
        for name, value in {"list": [1, "a"], "none": None, "path": Path("a/b"), "money": Decimal("1.5")}.items():
            log.param(name, value)
        log.param("when", datetime(2026, 1, 1, tzinfo=UTC))
        log.param("list", [2])
        log.param("model", object)
    found = Runs(store).params("r1")
    assert found["list"] == [2]
    assert found["none"] is None
    assert found["path"] == "a/b"
    assert found["money"] == "1.5"
    assert found["when"].startswith("2026-01-01")
    assert "object" in found["model"]


def test_a_thousand_values_are_a_few_pieces(store: MemoryStore) -> None:
    with SegmentWriter(store, "r1") as log:
        for n in range(1000):
            log.metric("loss", n)
    assert pieces(store) == 1000 // FLUSH_EVENTS
    assert values(store) == list(range(1000))


def test_time_flushes_too(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "FLUSH_SECONDS", 0)
    log = SegmentWriter(store, "r1")
    log.metric("loss", 1)
    log.metric("loss", 2)
    assert pieces(store) == 2


def test_nothing_logged_writes_nothing(store: MemoryStore) -> None:
    with SegmentWriter(store, "r1") as log:
        log.flush()
    assert not list(store.list())


def test_writers_do_not_meet(store: MemoryStore) -> None:
    with SegmentWriter(store, "r1") as one, SegmentWriter(store, "r1") as other:
        one.metric("loss", 1)
        other.metric("loss", 2)
    assert sorted(values(store)) == [1, 2]
    assert pieces(store) == 2


def test_an_error_in_the_training_keeps_what_was_logged(store: MemoryStore) -> None:
    def train() -> None:
        with SegmentWriter(store, "r1") as log:
            log.metric("loss", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train()
    assert values(store) == [1]


def test_a_store_that_is_away_for_a_while_costs_no_value(store: MemoryStore) -> None:
    away = True
    plan = lambda number, verb: Fault.UNAVAILABLE if away else None  # noqa: E731
    log = SegmentWriter(FaultyStore(store, plan), "r1")
    for n in range(FLUSH_EVENTS + 10):
        log.metric("loss", n)
    with pytest.raises(CommitUnknown):
        log.flush()
    away = False
    log.close()
    assert values(store) == list(range(FLUSH_EVENTS + 10))


def test_a_piece_that_was_written_unknown_to_us_is_not_written_again(store: MemoryStore) -> None:
    """The first piece is applied, its reply and every reading back lost; more gathers; then the store is back."""
    away = True

    def plan(number: int, verb: str) -> Fault | None:
        if not away:
            return None
        return Fault.REPLY_LOST if verb == "put" else Fault.UNAVAILABLE

    log = SegmentWriter(FaultyStore(store, plan), "r1")
    log.metric("loss", 1)
    log.param("depth", 3)
    with pytest.raises(CommitUnknown):
        log.flush()
    log.metric("loss", 2)
    log.param("depth", 4)
    away = False
    log.close()
    assert values(store) == [1, 2]
    assert Runs(store).params("r1") == {"depth": 4}
    assert pieces(store) == 2
