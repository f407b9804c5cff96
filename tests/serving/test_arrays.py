"""Arrays are read as the same values in lists are: the same batch, the same refusal, the same answer and counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.endpoints import FEATURES, ROW, Client, frame
from toolkit.domain.records import DType, Feature, Signature
from toolkit.quality.baseline import Baseline
from toolkit.quality.counter import Counter
from toolkit.serving import arrays
from toolkit.serving.app import answered, create_app
from toolkit.serving.model import Model
from toolkit.serving.problems import Problem
from toolkit.serving.rows import Batch
from toolkit.serving.settings import Limits
from toolkit.serving.validate import Validator

ROWS = arrays.FROM
TYPES = ("<f4", "<f8", "i1", "<i4", "<i8", "u1", "<u8", "?")
SPECIAL = (np.nan, np.inf, -np.inf, 0.5, 3.0, 2.0**53, 1e30)


def read(validator: Validator, columns: dict[str, Any]) -> Any:
    try:
        found = validator.arrays(columns)
        return found.rows, [list(column) for column in found.columns]
    except Problem as problem:
        return problem.status, problem.detail, problem.findings


@settings(max_examples=300)
@given(data=st.data())
def test_as_lists_are_read(data: st.DataObject) -> None:
    kinds: tuple[tuple[str, DType], ...] = (("f", "float64"), ("i", "int64"), ("b", "bool"))
    features = tuple(Feature(name=name, dtype=dtype, nullable=data.draw(st.booleans())) for name, dtype in kinds)
    validator = Validator(Signature(task="regression", features=features, label="y"), Limits(max_rows=200))
    columns: dict[str, Any] = {}
    for name in data.draw(st.sampled_from([("f", "i", "b"), ("f", "i"), ("f", "b", "i", "other")])):
        dtype = np.dtype(data.draw(st.sampled_from(TYPES)))
        values = np.arange(ROWS).astype(dtype)
        if dtype.kind == "f" and data.draw(st.booleans()):
            values[data.draw(st.integers(0, ROWS - 1))] = data.draw(st.sampled_from(SPECIAL))
        if dtype == np.dtype("<u8") and data.draw(st.booleans()):
            values[5] = 2**63
        columns[name] = values if data.draw(st.booleans()) else arrays.plain(values)
    expected = read(validator, arrays.lists(columns))
    assert read(validator, columns) == expected


def test_right_arrays_stay_arrays() -> None:
    features = (Feature(name="f", dtype="float64"), Feature(name="t", dtype="string"), Feature(name="d", dtype="date"))
    columns = {"f": np.full(ROWS, np.nan, "<f4"), "t": ["a", None] * (ROWS // 2), "d": ["2013-07-01"] * ROWS}
    found = arrays.batch(features, columns, ROWS)
    assert found is not None
    assert found.arrays is not None
    assert found.arrays[0] is columns["f"]
    assert found.columns == [[None] * ROWS, columns["t"], [15887.0] * ROWS]
    assert found.part(1, 3).columns == [[None] * 2, [None, "a"], [15887.0] * 2]
    assert arrays.batch(features, {**columns, "t": ["\ud800"] * ROWS}, ROWS) is None
    assert arrays.batch(features, {**columns, "d": ["2013-02-30"] * ROWS}, ROWS) is None
    assert arrays.batch(features, columns, ROWS - 1) is None


def made(rows: int) -> tuple[Batch, Batch]:
    """The same rows as arrays and as lists."""
    data = frame(rows)
    columns = [data[f.name].to_numpy() if f.dtype != "string" else data[f.name].tolist() for f in FEATURES]
    return Batch(rows, arrays=columns), Batch(rows, columns=[arrays.plain(values) for values in columns])


@pytest.mark.parametrize("rows", [2, 64, 700])
def test_answered_and_counted_alike(binary: Model, baseline: Baseline, rows: int) -> None:
    fast, slow = made(rows)
    found, expected = answered(binary, fast), answered(binary, slow)
    assert found == expected
    counters = Counter(baseline), Counter(baseline)
    names = [f.name for f in FEATURES]
    for counter, columns in zip(counters, (fast.arrays, slow.columns), strict=True):
        assert columns is not None
        counter.add_columns(dict(zip(names, columns, strict=True)), expected.scores)
    assert counters[0].take() == counters[1].take()


def test_lists_of_many_rows_are_turned_once(binary: Model, baseline: Baseline) -> None:
    """Floats only: the rest, and a column with a null in it, stay the lists that they are."""
    _, slow = made(200)
    nullable = next(i for i, f in enumerate(FEATURES) if f.dtype == "float64")
    slow.columns[nullable][3] = None  # type: ignore[index]  # a list
    fast = arrays.turned(FEATURES, slow)
    assert fast.arrays is not None
    kinds = [isinstance(values, np.ndarray) for values in fast.arrays]
    assert kinds == [f.dtype == "float64" and i != nullable for i, f in enumerate(FEATURES)]
    assert fast.columns == slow.columns
    assert answered(binary, fast) == answered(binary, slow)
    counters = Counter(baseline), Counter(baseline)
    for counter, columns in zip(counters, (fast.arrays, slow.columns), strict=True):
        counter.add_columns(dict(zip([f.name for f in FEATURES], columns, strict=True)), None)
    assert counters[0].take() == counters[1].take()


def test_a_request_of_many_rows_is_turned(binary: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    turned: list[int] = []
    real = arrays.turned

    def noted(features: Sequence[Feature], batch: Batch) -> Batch:
        turned.append(batch.rows)
        return real(features, batch)

    monkeypatch.setattr(arrays, "turned", noted)
    client = Client(create_app(binary))
    for rows in (arrays.TURNED - 1, arrays.TURNED):
        reply = client.post("/predict", {"records": [ROW] * rows})
        first = client.post("/predict", {"records": [ROW]}).json()["predictions"][0]
        assert reply.json()["predictions"][-1]["probabilities"] == first["probabilities"]
    assert turned == [arrays.TURNED]


def test_bytes_that_are_not_aligned(binary: Model) -> None:
    fast, slow = made(64)
    assert fast.arrays is not None
    shifted = bytearray(4 * 64 + 1)
    shifted[1:] = fast.arrays[0].tobytes()
    fast.arrays[0] = np.frombuffer(memoryview(shifted)[1:], "<f4")
    assert not fast.arrays[0].flags.aligned
    assert answered(binary, fast) == answered(binary, slow)
