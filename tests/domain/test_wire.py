"""What the model receives: exact in float32, the same for every spelling of a value."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.domain import wire
from toolkit.domain.errors import DataError
from toolkit.domain.records import DType, Feature


def feature(dtype: DType) -> Feature:
    return Feature(name="x", dtype=dtype)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_rounded_as_numpy_rounds_it(value: float) -> None:
    got = wire.to_wire(feature("float64"), value)
    with np.errstate(over="ignore"):
        expected = float(np.clip(value, -wire.FLOAT32_MAX, wire.FLOAT32_MAX).astype(np.float32))
    assert got == expected


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_time_is_days_to_within_a_float32_step(moment: datetime) -> None:
    got = wire.to_wire(feature("datetime"), moment)
    exact = (moment - datetime(1970, 1, 1)) / timedelta(days=1)
    assert isinstance(got, float)
    assert abs(got - exact) <= 0.5 * float(np.spacing(np.float32(abs(got)) or np.float32(1e-30)))


def test_every_spelling_of_a_moment_is_one_number() -> None:
    zone = timezone(timedelta(hours=-5))
    spellings = [
        "2013-07-01T12:00:00Z",
        "2013-07-01T12:00:00",
        "2013-07-01T07:00:00-05:00",
        datetime(2013, 7, 1, 12),
        datetime(2013, 7, 1, 12, tzinfo=UTC),
        datetime(2013, 7, 1, 7, tzinfo=zone),
    ]
    assert set(wire.column(feature("datetime"), spellings)) == {15887.5}
    assert wire.column(feature("date"), ["2013-07-01", date(2013, 7, 1)]) == [15887.0, 15887.0]


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "datetime", "date"])
def test_a_missing_number_is_nan(dtype: DType) -> None:
    got = wire.to_wire(feature(dtype), None)
    assert isinstance(got, float)
    assert math.isnan(got)


def test_text_stays_text_and_missing_text_is_empty() -> None:
    assert wire.column(feature("string"), ["a", None, "Ü", ""]) == ["a", "", "Ü", ""]


def test_booleans_and_large_numbers() -> None:
    assert wire.column(feature("bool"), [True, False]) == [1.0, 0.0]
    assert wire.column(feature("int64"), [2**24 + 1, 10**400, -(10**400)]) == [
        2.0**24,
        wire.FLOAT32_MAX,
        -wire.FLOAT32_MAX,
    ]
    assert wire.column(feature("float64"), [math.inf, -math.inf, 1e300]) == [
        wire.FLOAT32_MAX,
        -wire.FLOAT32_MAX,
        wire.FLOAT32_MAX,
    ]
    assert wire.column(feature("float64"), [np.float64(0.5), np.int32(3), np.bool_(True)]) == [0.5, 3.0, 1.0]


@pytest.mark.parametrize(
    ("dtype", "value", "says"),
    [
        ("float64", "7", "expected a number"),
        ("bool", [1], "expected true or false"),
        ("datetime", "yesterday", "expected a time"),
        ("datetime", 15887, "expected a time"),
        ("date", "2013-13-45", "expected a date"),
        ("string", 7, "expected text"),
    ],
)
def test_a_wrong_value_names_the_feature_and_what_it_expects(dtype: DType, value: object, says: str) -> None:
    with pytest.raises(DataError, match=f"x: {says}.* or null"):
        wire.to_wire(feature(dtype), value)


def test_what_a_client_would_send() -> None:
    assert wire.to_json(datetime(2013, 7, 1, 12, tzinfo=UTC)) == "2013-07-01T12:00:00.000000Z"
    assert wire.to_json(date(2013, 7, 1)) == "2013-07-01"
    assert [wire.to_json(v) for v in (math.nan, None, 1.5, "a", True)] == [None, None, 1.5, "a", True]


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_moment_survives_json(moment: datetime) -> None:
    assert wire.to_wire(feature("datetime"), wire.to_json(moment)) == wire.to_wire(feature("datetime"), moment)


@pytest.mark.parametrize(("dtype", "expected"), [("string", "text"), ("bool", "number"), ("datetime", "number")])
def test_kind(dtype: DType, expected: str) -> None:
    assert wire.kind(dtype) == expected
