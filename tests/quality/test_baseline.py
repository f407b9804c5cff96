"""The baseline is what it was after bytes, the same from the same rows, and refused when it does not fit."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from toolkit.domain.errors import Corrupt, DataError, NewerFormat
from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline, from_bytes
from toolkit.quality.bins import Categories, Numbers, Presence
from toolkit.quality.profile import header

Frame = dict[str, list[Any]]


def test_through_bytes_and_back(baseline: Baseline) -> None:
    data = baseline.to_bytes()
    again = from_bytes(data)
    assert again == baseline
    assert again.digest == baseline.digest
    assert again.to_bytes() == data
    assert len(data) < 1500 * len(baseline.columns)


def test_equal_rows_give_equal_bytes(
    baseline: Baseline, window: Callable[..., Frame], scored: Any, features: tuple[Feature, ...]
) -> None:
    chance, labels = scored(4000, 1)
    arrays = {name: np.array(values, dtype=object) for name, values in window(4000, 0).items()}
    again = build_baseline(arrays, features, np.array(chance), np.array(labels), "binary", ("no", "yes"))
    assert again.to_bytes() == baseline.to_bytes()
    other = build_baseline(window(4000, 1), features, chance, labels, "binary", ("no", "yes"))
    assert other.digest != baseline.digest
    assert other.signature == baseline.signature


def test_each_kind_of_column(baseline: Baseline) -> None:
    kinds = {bins.name: bins for bins in baseline.columns}
    assert isinstance(kinds["normal"], Numbers)
    assert len(kinds["normal"].edges) == pytest.approx(256, abs=6)
    assert kinds["colour"] == Categories("colour", ("blue", "green", "red"))
    assert isinstance(kinds["plate"], Categories)
    assert not kinds["plate"].closed
    assert kinds["flag"] == Categories("flag", ("false", "true"), boolean=True)
    assert kinds["seen"] == Presence("seen")
    assert isinstance(kinds["prediction"], Numbers)
    assert baseline.metrics["accuracy"] > 0.6


def test_rows_of_columns_and_of_scores_may_differ(features: tuple[Feature, ...], window: Callable[..., Frame]) -> None:
    baseline = build_baseline(window(500, 1), features, [0.2, 0.8] * 30, ["no", "yes"] * 30, "binary", ("no", "yes"))
    assert baseline.rows == 500
    assert baseline.metrics["accuracy"] == 1.0
    assert baseline.calibration == ()  # 60 labelled rows say too little


def test_empty_null_and_constant_columns() -> None:
    features = [Feature(name=name, dtype="float64") for name in ("none", "one", "inf")]
    features += [Feature(name="text", dtype="string")]
    columns = {"none": [None] * 9, "one": [3.0] * 9, "inf": [float("inf")] * 9, "text": [None] * 9}
    baseline = from_bytes(build_baseline(columns, features).to_bytes())
    assert [getattr(bins, "edges", None) for bins in baseline.features][0::2] == [(), ()]
    assert baseline.counts[0:2] == (0, 9)
    assert baseline.prediction is None


def test_what_does_not_fit_is_named(features: tuple[Feature, ...], window: Callable[..., Frame]) -> None:
    frame = window(20, 1)
    with pytest.raises(DataError, match="column 'flag' is missing"):
        build_baseline({name: values for name, values in frame.items() if name != "flag"}, features)
    with pytest.raises(DataError, match="differ in length"):
        build_baseline({**frame, "flag": [True]}, features)
    with pytest.raises(DataError, match="label 'maybe' is none of the model's classes"):
        build_baseline(frame, features, [0.5] * 20, ["maybe"] * 20, "binary", ("no", "yes"))
    with pytest.raises(DataError, match="order has 3 values for 2000 rows"):
        build_baseline({"x": [1.0] * 2000}, [Feature(name="x", dtype="float64")], order=[1, 2, 3])


def test_chunks_in_time_show_how_the_reference_varies() -> None:
    """A column that swings from week to week, and one that does not; the same rows in no order show nothing."""
    rng = np.random.default_rng(0)
    weeks = np.repeat(np.arange(20), 400)
    columns = {"swings": rng.normal(np.sin(weeks), 1), "steady": rng.normal(0, 1, 8000)}
    features = [Feature(name=name, dtype="float64") for name in columns]
    start = datetime(2013, 1, 1, tzinfo=UTC)
    order = [start + timedelta(days=7 * int(week), minutes=i % 400) for i, week in enumerate(weeks)]
    mixed = rng.permutation(8000)
    shuffled = {name: values[mixed] for name, values in columns.items()}
    in_time = build_baseline(shuffled, features, order=[order[i] for i in mixed])
    swings, steady = in_time.limits
    assert in_time.chunk_rows[0] == 400
    assert swings.distance > 0.15
    assert steady.distance < 0.06
    assert build_baseline(shuffled, features).limits[0].distance < 0.06


def test_few_rows_have_no_chunks() -> None:
    baseline = build_baseline({"x": list(range(900))}, [Feature(name="x", dtype="int64")])
    assert baseline.chunk_rows == (0, 0)
    assert baseline.limits[0].distance == 0.0


def test_newer_and_damaged_baselines_are_refused(baseline: Baseline) -> None:
    data = bytearray(baseline.to_bytes())
    data[3] += 1
    with pytest.raises(NewerFormat, match="baseline has format 2") as caught:
        from_bytes(bytes(data))
    assert caught.value.hint.startswith("pip install 'driftloop>=")
    good = baseline.to_bytes()
    for bad in (b"", b"DLB", good[:-9], good[:40] + bytes((good[40] ^ 255,)) + good[41:], b"DLP" + good[3:]):
        with pytest.raises(Corrupt):
            from_bytes(bad)


def test_parts_that_do_not_fit_together_are_refused(baseline: Baseline) -> None:
    short = msgspec.structs.replace(baseline, counts=baseline.counts[:-1])
    with pytest.raises(Corrupt, match="do not fit together"):
        from_bytes(header(b"DLB", 1) + zlib.compress(msgspec.msgpack.encode(short)))
