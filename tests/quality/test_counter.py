"""One row, many rows and files are counted alike; nothing a client sends makes the counter fail; nothing is lost."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.domain.errors import DataError
from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.counter import MANY, Counter, Totals
from toolkit.quality.merge import merge
from toolkit.quality.profile import Profile

Frame = dict[str, list[Any]]


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def taken(counter: Counter) -> Profile:
    data = counter.take()
    assert data is not None
    return merge([data], counter.baseline)


def by_row(baseline: Baseline, frame: Frame, scores: list[Any]) -> Profile:
    counter = Counter(baseline)
    for values, score in zip(zip(*frame.values(), strict=True), scores, strict=True):
        counter.add_row(values, score)
    return taken(counter)


def by_column(baseline: Baseline, frame: Frame, scores: list[Any]) -> Profile:
    counter = Counter(baseline)
    counter.add_columns(frame, scores)
    return taken(counter)


def same(one: Profile, other: Profile) -> None:
    """Counts and extremes exactly, sums within rounding."""
    assert (one.baseline, one.rows, one.counts) == (other.baseline, other.rows, other.counts)
    for a, b in zip(one.moments, other.moments, strict=True):
        assert (a.minimum, a.maximum) == (b.minimum, b.maximum)
        assert a == pytest.approx(b, rel=1e-9, abs=1e-9)


def test_rows_and_columns_count_alike(baseline: Baseline, window: Callable[..., Frame]) -> None:
    frame = window(6000, seed=9, shift=2.0)
    scores = np.random.default_rng(0).random(6000).tolist()
    same(by_row(baseline, frame, scores), by_column(baseline, frame, scores))


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(["red", "green", "", "N1", math.nan, 0.0, -0.0, 7, 10**400, Decimal("1.5"), [1], {}, b"x"]),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_whatever_is_sent_is_counted_alike(baseline: Baseline, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.tuples(*[odd] * 8, st.one_of(st.none(), st.floats(0, 1))), min_size=1, max_size=6))
    rows = rows * MANY  # so that the columns go through numpy
    frame: Frame = {bins.name: [row[i] for row in rows] for i, bins in enumerate(baseline.features)}
    scores = [row[-1] for row in rows]
    one, other = by_row(baseline, frame, scores), by_column(baseline, frame, scores)
    assert one.rows == len(rows)
    assert one.counts == other.counts
    for (start, end), bins in zip(
        zip(baseline.offsets, baseline.offsets[1:], strict=False), baseline.columns, strict=True
    ):
        assert sum(one.counts[start:end]) == len(rows), bins.name


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6) | st.integers(-5, 5), min_size=1, max_size=60),
    st.lists(st.floats(width=32) | st.integers(-6, 6), min_size=1, max_size=30),
)
def test_the_table_of_steps_finds_what_bisect_finds(reference: list[float], window: list[float]) -> None:
    """More values than the table's threshold, made of few, so that atoms and their neighbours are hit."""
    baseline = build_baseline({"x": reference}, [Feature(name="x", dtype="float64")])
    edges = [e for bins in baseline.features for e in getattr(bins, "edges", ())]
    close = [near for e in edges for near in (e, math.nextafter(e, math.inf), math.nextafter(e, -math.inf))]
    few = [*window, *reference, *close]
    times = 1 + 4096 // len(few)
    counter = Counter(baseline)
    for value in few:
        counter.add_row((value,))
    counter_of_many = Counter(baseline)
    counter_of_many.add_columns({"x": np.array(few * times, dtype=np.float64)})
    assert [n * times for n in taken(counter).counts] == taken(counter_of_many).counts


def test_many_classes(window: Callable[..., Frame]) -> None:
    rng = np.random.default_rng(2)
    chances = rng.dirichlet((1.0, 2.0, 3.0), 600)
    labels = ["abc"[int(np.argmax(p))] for p in chances]
    features = [Feature(name="x", dtype="float64")]
    x = rng.normal(0, 1, 600)
    baseline = build_baseline({"x": x}, features, chances, labels, "multiclass", ("a", "b", "c"))
    frame: Frame = {"x": x.tolist()}
    rows: list[Any] = [*chances.tolist()[:-2], None, [math.nan, 0.5, 0.5]]
    one = by_row(baseline, frame, rows)
    same(one, by_column(baseline, frame, rows))
    start = baseline.offsets[1]
    assert one.counts[start : start + 3] == [int(np.sum(np.argmax(chances[:-2], axis=1) == i)) for i in range(3)]
    assert one.counts[start + 5] == 2  # without a score
    with pytest.raises(DataError, match="2 probabilities a row, the model has 3 classes"):
        by_column(baseline, frame, [[0.5, 0.5]] * 600)


def test_no_score_no_features(baseline: Baseline) -> None:
    only_scores = build_baseline({}, [], [0.1, 0.9], None, "regression")
    counter = Counter(only_scores)
    counter.add_row((), 0.5)
    counter.add_columns({}, [0.2, 7.0])
    assert taken(counter).moments[0].total == pytest.approx(7.7)
    counter = Counter(baseline)
    counter.add_row((1.0, 1.0, 1, 1.0, "red", "N1", True, "2013-01-01T00:00:00Z"))
    assert taken(counter).rows == 1


def test_take_hands_over_once(baseline: Baseline, window: Callable[..., Frame]) -> None:
    counter = Counter(baseline)
    assert counter.take() is None
    counter.add_columns(window(100, seed=1), [0.5] * 100)
    counter.add_columns(window(10, seed=2), [0.5] * 10)
    assert counter.rows == 110
    assert taken(counter).rows == 110
    assert counter.rows == 0
    assert counter.take() is None


def test_totals_outlive_take(baseline: Baseline) -> None:
    counter = Counter(baseline)
    row = (1e9, 1.0, 7, None, "violet", "N-new", True, None)
    counter.add_row(row, 0.5)
    counter.take()
    counter.add_row(row, 0.5)
    assert counter.totals() == Totals(rows=2, nulls=4, unseen=2, out_of_range=2)


def test_rows_of_another_shape_are_refused(baseline: Baseline, window: Callable[..., Frame]) -> None:
    counter = Counter(baseline)
    with pytest.raises(DataError, match="2 values, the baseline 8 features"):
        counter.add_row((1, 2))
    with pytest.raises(DataError, match="columns are missing: normal"):
        counter.add_columns({"skewed": [1.0]})
    with pytest.raises(DataError, match="differ in length"):
        counter.add_columns({**window(4, seed=1), "normal": [1.0]}, [0.5] * 4)
    assert counter.take() is None


def test_nothing_is_lost_or_doubled_between_threads(
    baseline: Baseline, window: Callable[..., Frame], switching: None
) -> None:
    counter = Counter(baseline)
    frame = window(60, seed=4)
    rows = list(zip(*frame.values(), strict=True))
    parts: list[bytes] = []
    stop = threading.Event()

    def count() -> None:
        for _ in range(20):
            for row in rows:
                counter.add_row(row, 0.3)
            counter.add_columns(frame, [0.3] * 60)

    def flush() -> None:
        while not stop.is_set():
            if (data := counter.take()) is not None:
                parts.append(data)

    workers = [threading.Thread(target=count) for _ in range(4)]
    flusher = threading.Thread(target=flush)
    for thread in (*workers, flusher):
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    flusher.join()
    parts.append(counter.take() or b"")
    total = merge([part for part in parts if part], baseline)
    assert total.rows == 4 * 20 * 2 * 60
    once = by_row(baseline, frame, [0.3] * 60)
    assert total.counts == [n * 160 for n in once.counts]
    assert counter.totals().rows == total.rows
