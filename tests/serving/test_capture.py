"""What is remembered reaches the bucket whole, in its own hour, and never at the cost of a prediction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.serving.endpoints import ROW, Client, Clock
from toolkit.domain import codec
from toolkit.domain.errors import AlreadyExists, Unavailable
from toolkit.domain.records import Feature, Signature
from toolkit.ports.store import CREATE, Meta, Mode, Store
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.counter import Counter
from toolkit.quality.profile import decode
from toolkit.serving import capture as captures
from toolkit.serving import ids
from toolkit.serving.app import Info, create_app
from toolkit.serving.capture import Capture, Captured
from toolkit.serving.model import Model, Prediction
from toolkit.serving.rows import Batch
from toolkit.serving.settings import CaptureSettings

NOON = 1_372_680_000_000
WIRE = (12.5, 500, True, "AA", "JFK", 15887.5, 15887.0)
Make = Callable[..., Capture]


@pytest.fixture
def make(store: Store, binary: Model, baseline: Baseline, clock: Clock) -> Make:
    def made(where: Any = None, model: Model = binary, counted: bool = True, **settings: Any) -> Capture:
        chosen = CaptureSettings(**{"wait": 5.0, **settings})
        counter = (lambda: Counter(baseline)) if counted else None
        return Capture(
            where or store, model, target="dev", endpoint="flights", version=3, counter=counter, settings=chosen,
            clock=clock,
        )  # fmt: skip

    return made


def ask(capture: Capture, binary: Model, rows: int = 1, moment: int = NOON) -> str:
    prefix = ids.prefix(moment)
    one = rows == 1
    batch = Batch(rows, row=WIRE) if one else Batch(rows, columns=[[value] * rows for value in WIRE])
    prediction = binary.answer_row(WIRE) if one else binary.answer(batch.columns, rows)
    capture.add(prefix, moment, batch, prediction)
    capture.settle()
    return prefix


def stored(store: Store, prefix: str = "captures/") -> list[Captured]:
    return [codec.decode(store.get(meta.key).data, Captured) for meta in store.list(prefix)]


def counted(store: Store, baseline: Baseline) -> int:
    return sum(decode(store.get(meta.key).data, baseline).rows for meta in store.list("profiles/"))


def test_what_is_stored_gives_every_prediction_back(
    store: Store, make: Make, binary: Model, baseline: Baseline
) -> None:
    capture = make()
    prefixes = [ask(capture, binary), ask(capture, binary, rows=70), ask(capture, binary)]
    capture.close()
    found = stored(store)
    rows = [row for record in found for row in captures.read(record)]
    expected_ids = [f"{prefixes[0]}-0", *(f"{prefixes[1]}-{i}" for i in range(70)), f"{prefixes[2]}-0"]
    assert sorted(row.id for row in rows) == sorted(expected_ids)
    expected = binary.answer_row(WIRE)
    assert {row.label for row in rows} == set(expected.labels)
    assert all(row.score == pytest.approx(expected.scores[0], abs=1e-6) and row.time == NOON for row in rows)
    assert counted(store, baseline) == 72
    assert {record.features == {} for record in found} == {True}
    assert (found[0].endpoint, found[0].model_version, found[0].model_digest) == ("flights", 3, binary.digest)
    assert capture.counts["capture_rows_total"] == 72


def test_features_only_where_asked(store: Store, make: Make, binary: Model) -> None:
    capture = make(features=True)
    ask(capture, binary)
    ask(capture, binary, rows=2)
    capture.close()
    kept: dict[str, list[Any]] = {}
    for record in stored(store):
        for name, values in record.features.items():
            kept.setdefault(name, []).extend(values)
    assert kept == {name: [value] * 3 for name, value in zip(ROW, WIRE, strict=True)}


def test_a_regression_is_kept_without_labels(store: Store, make: Make, regression: Model) -> None:
    capture = make(model=regression, counted=False)
    value = ask_regression(capture, regression)
    capture.close()
    (record,) = stored(store)
    assert [(row.label, row.score) for row in captures.read(record)] == [("", value)]
    assert not list(store.list("profiles/"))


def ask_regression(capture: Capture, regression: Model) -> float:
    prediction = regression.answer_row(WIRE)
    capture.add(ids.prefix(NOON), NOON, Batch(1, row=WIRE), prediction)
    return prediction.values[0]


def test_the_first_prediction_of_a_worker_is_flushed_at_once_and_then_by_time(
    store: Store, make: Make, binary: Model, clock: Clock
) -> None:
    capture = make(seconds=60)
    ask(capture, binary)
    assert len(stored(store)) == 1
    clock.now += 59
    ask(capture, binary)
    assert len(stored(store)) == 1
    clock.now += 1
    ask(capture, binary)
    assert len(stored(store)) == 2
    clock.now -= 3600  # set back: counts as time gone by
    ask(capture, binary)
    assert len(stored(store)) == 3


def test_rows_ask_for_a_flush_too(store: Store, make: Make, binary: Model, baseline: Baseline) -> None:
    capture = make(rows=100)
    seen = []
    for _ in range(6):
        ask(capture, binary, rows=50)
        seen.append(counted(store, baseline))
    assert seen == [50, 50, 150, 150, 250, 250]
    capture.close()
    assert counted(store, baseline) == 300


def test_each_hour_of_event_time_has_its_own_objects(
    store: Store, make: Make, binary: Model, baseline: Baseline
) -> None:
    capture = make()
    ask(capture, binary)
    for hours in (0, 1, 25):
        ask(capture, binary, moment=NOON + hours * 3_600_000 + 1)
    capture.close()
    keys = [meta.key for meta in store.list("profiles/")]
    prefix = f"profiles/dev/flights/{binary.digest}/"
    assert [key.removeprefix(prefix)[:16] for key in keys] == [
        "20130701T120000.", "20130701T120000.", "20130701T130000.", "20130702T130000."
    ]  # fmt: skip
    assert counted(store, baseline) == 4
    assert [record.hour for record in stored(store)][-1] == "2013-07-02T13:00:00Z"


def test_many_open_hours_are_flushed(store: Store, make: Make, binary: Model) -> None:
    capture = make(max_windows=3)
    for hours in range(10):
        ask(capture, binary, moment=NOON + hours * 3_600_000)
    assert len(stored(store)) >= 8


class Unwilling:
    """A store in front of another whose `put` does as told first."""

    def __init__(self, store: Store, do: Callable[[], object]) -> None:
        self._store, self.do = store, do
        self.calls = 0

    def put(self, key: str, data: bytes, mode: Mode) -> Meta:
        self.calls += 1
        self.do()
        return self._store.put(key, data, mode)


def refuse() -> None:
    raise Unavailable("the store does not answer")


def nothing() -> None:
    pass


def test_a_failing_store_is_tried_again_and_loses_nothing(
    store: Store, make: Make, binary: Model, baseline: Baseline, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    where = Unwilling(store, refuse)
    capture = make(where)
    for _ in range(3):
        ask(capture, binary)
        clock.now += 100
    assert counted(store, baseline) == 0
    assert capture.counts["capture_failed_writes_total"] == 3
    assert "will be tried again" in capsys.readouterr().err
    where.do = nothing
    ask(capture, binary)
    assert counted(store, baseline) == 4
    assert len({row.id for record in stored(store) for row in captures.read(record)}) == 4
    assert capture.counts["capture_dropped_rows_total"] == 0


def test_a_store_that_never_answers_costs_bounded_memory_and_drops_are_counted(
    store: Store, make: Make, binary: Model, baseline: Baseline, clock: Clock
) -> None:
    where = Unwilling(store, refuse)
    capture = make(where, max_pending=4)
    for _ in range(10):
        ask(capture, binary)
        clock.now += 100
    assert len(capture._outbox) == 4
    where.do = nothing
    capture.close()
    assert counted(store, baseline) + capture.counts["capture_dropped_rows_total"] == 10


def test_a_reply_that_was_lost_is_not_written_twice(
    store: Store, make: Make, binary: Model, baseline: Baseline, clock: Clock
) -> None:
    where = Unwilling(store, nothing)
    applied, put = [], where.put

    def applied_then_lost(key: str, data: bytes, mode: Mode) -> Meta:
        meta = put(key, data, mode)
        applied.append(key)
        if len(applied) == 1:
            raise Unavailable("the reply was lost")
        return meta

    where.put = applied_then_lost  # type: ignore[method-assign]
    capture = make(where)
    ask(capture, binary)
    clock.now += 100
    ask(capture, binary)
    assert counted(store, baseline) == 2
    with pytest.raises(AlreadyExists):
        store.put(applied[0], b"", CREATE)


def test_a_store_that_hangs_holds_one_request_for_its_bound_and_no_other(
    store: Store, make: Make, binary: Model, baseline: Baseline, clock: Clock
) -> None:
    release = threading.Event()
    where = Unwilling(store, lambda: release.wait(30))
    capture = make(where, wait=0.2, max_buffered=30)
    started = time.monotonic()
    ask(capture, binary)
    first = time.monotonic() - started
    for _ in range(50):
        clock.now += 100
        ask(capture, binary)
    rest = time.monotonic() - started - first
    assert 0.2 <= first < 5
    assert rest < 5
    assert where.calls == 1
    release.set()
    capture.close()
    assert counted(store, baseline) == 51  # counting needs no memory; rows beyond the buffer are dropped and counted
    kept = sum(1 for record in stored(store) for _ in captures.read(record))
    assert kept + capture.counts["capture_dropped_rows_total"] == 51
    assert capture.counts["capture_dropped_rows_total"] == 50 - 30


def test_replayed_hours_do_not_grow_without_end_while_a_store_hangs(store: Store, make: Make, binary: Model) -> None:
    release = threading.Event()
    capture = make(Unwilling(store, lambda: release.wait(30)), wait=0.01, max_windows=2)
    for hours in range(20):
        ask(capture, binary, moment=NOON + hours * 3_600_000)
    assert len(capture._open) <= 4
    release.set()
    capture.close()
    kept = sum(1 for record in stored(store) for _ in captures.read(record))
    assert kept + capture.counts["capture_dropped_rows_total"] == 20


def test_what_cannot_be_counted_fails_no_prediction(
    make: Make, binary: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = make()
    capture._counter = lambda: object()
    reply = Client(create_app(binary, capture=capture)).post("/predict", ROW)
    assert reply.status == 200
    assert capture.counts["capture_dropped_rows_total"] == 1
    assert "are lost" in capsys.readouterr().err


def test_counting_together_is_counting_one_by_one(
    store: Store, make: Make, binary: Model, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever sizes the requests have: the same cells, filled by the vector and by the scalar counter."""
    sums = []
    for together in (1, 7, captures.TOGETHER):
        monkeypatch.setattr(captures, "TOGETHER", together)
        capture = make(rows=10_000)
        for rows in (1, 5, 1, 60, 600, 2, 1):
            ask(capture, binary, rows=rows)
        capture.close()
        found = [decode(store.get(meta.key).data, baseline) for meta in store.list("profiles/")]
        sums.append([sum(cells) for cells in zip(*(profile.counts for profile in found), strict=True)])
        for meta in list(store.list()):
            store.delete(meta.key)
    assert sums[0] == sums[1] == sums[2]
    assert sum(sums[0]) == 670 * len(baseline.columns)


def test_rows_of_numbers_wait_as_bytes_and_are_counted_as_they_were(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nulls among them, and values past float32."""
    features = (Feature(name="a", dtype="float64", nullable=True), Feature(name="b", dtype="int64"))
    signature = Signature(task="regression", features=features, label="y", label_dtype="float64")
    values = [(0.1 * i, 10**9 + i) for i in range(200)]
    given = [*values[:90], (None, 3), (1e300, -(2**63)), *values[90:]]
    columns = {"a": [a for a, _ in values], "b": [b for _, b in values]}
    baseline = build_baseline(columns, features, columns["a"], columns["a"], "regression")
    model: Any = SimpleNamespace(signature=signature, digest="0" * 64, name="numbers")
    found = []
    for together in (1, captures.TOGETHER):
        monkeypatch.setattr(captures, "TOGETHER", together)
        capture = make(model=model, rows=10_000)
        capture._counter = lambda: Counter(baseline)
        for row in given:
            capture.add(ids.prefix(NOON), NOON, Batch(1, row=row), Prediction(values=[row[1] / 7]))
        (hour,) = capture._open.values()
        assert len(hour.packed) == (0 if together == 1 else 16 * 201)
        capture.close()
        profile = decode(store.get(next(store.list("profiles/")).key).data, baseline)
        found.append((profile.counts, [(sums.minimum, sums.maximum) for sums in profile.moments]))
        assert [len(record.scores) for record in stored(store)] == [202]
        for meta in list(store.list()):
            store.delete(meta.key)
    assert found[0] == found[1]


def test_the_application_captures_what_it_answers(
    store: Store, make: Make, binary: Model, baseline: Baseline, clock: Clock
) -> None:
    capture = make()
    client = Client(create_app(binary, capture=capture, info=Info(endpoint="flights", version=3, replay=True)))
    answered = []
    for body in ([ROW], [ROW] * 60, [{**ROW, "carrier code": "XX", "delay": None}]):
        reply = client.post("/predict", body, **{"x-toolkit-time": "2013-07-01T12:30:00Z"})
        answered += [(p["id"], p["label"]) for p in reply.json()["predictions"]]
    client.post("/predict", [{**ROW, "delay": "bad"}])
    reply = client.post("/predict", ROW, **{"x-toolkit-time": "2013-07-01T12:59:59Z", "x-toolkit-flush": "now"})
    answered += [(p["id"], p["label"]) for p in reply.json()["predictions"]]
    found = {(row.id, row.label) for record in stored(store) for row in captures.read(record)}
    assert found == set(answered)
    assert counted(store, baseline) == len(answered) == 63
    metrics = client.get("/metrics").content.decode()
    assert "toolkit_capture_rows_total 63\n" in metrics
    assert "toolkit_values_null_total 1\n" in metrics


def test_a_flush_on_request_only_in_a_replay(store: Store, make: Make, binary: Model) -> None:
    client = Client(create_app(binary, capture=make()))
    client.post("/predict", ROW)
    client.post("/predict", ROW, **{"x-toolkit-flush": "now"})
    assert len(stored(store)) == 1


def test_shutdown_flushes(store: Store, make: Make, binary: Model, baseline: Baseline) -> None:
    capture = make()
    ask(capture, binary)
    ask(capture, binary)
    assert counted(store, baseline) == 1
    capture.close()
    capture.close()
    assert counted(store, baseline) == 2
