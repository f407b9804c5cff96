"""One value of a feature: the typed decoder and the check by hand say the same, and the words are right."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.domain.records import DType, Feature
from toolkit.serving import fields

DTYPES: list[DType] = ["float64", "int64", "bool", "string", "datetime", "date"]
MOMENTS = [
    "2013-07-01", "2013-07-01T12:00:00Z", "2013-07-01 12:00", "2013-07-01T12:00:00.123456789+05:30", "2013-02-30",
    "2013-7-1", "20130701", "2013-07-01T25:00:00Z", "yesterday", "", "0001-01-01", "2013-07-01T12",
    "9999-12-31T23:59-10:00",
    "２０１３-07-01", "2013-07-01\n", "2013-07-01T12:00:00z", "2013-07-01T12:00:60Z",
]  # fmt: skip
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-1000, 1000).map(float),
    st.text(max_size=8),
    st.sampled_from(MOMENTS),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none(), max_size=1),
)


@given(dtype=st.sampled_from(DTYPES), nullable=st.booleans(), value=VALUES)
@settings(max_examples=600, deadline=None)
def test_both_ways_agree(dtype: DType, nullable: bool, value: Any) -> None:
    feature = Feature(name="x", dtype=dtype, nullable=nullable)
    wrong = fields.check(feature, value)
    try:
        decoded = msgspec.json.decode(msgspec.json.encode(value), type=fields.typed(feature))
        if fields.is_moment(feature):
            fields.days(decoded)
        fits = True
    except ValueError:
        fits = False
    if dtype == "int64" and type(value) is float and value.is_integer() and not wrong:
        assert not fits  # the one value that only the check by hand takes
    else:
        assert fits == (not wrong), wrong


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("dtype", "value", "says"),
    [
        ("float64", None, "may not be null; expected a number"),
        ("float64", "12", "expected a number, got text '12'"),
        ("float64", True, "expected a number, got true"),
        ("float64", [1], "expected a number, got a list"),
        ("float64", {}, "expected a number, got an object"),
        ("float64", NAN, "NaN is not a finite number; send null"),
        ("float64", -INFINITY, "-Infinity is not a finite number"),
        ("float64", 10**400, "an integer of 1329 bits is not a finite number"),
        ("int64", 1.5, "expected a whole number, got 1.5"),
        ("int64", NAN, "NaN is not a finite number"),
        ("int64", 2**63, "outside the range of 64-bit"),
        ("int64", 1e19, "outside the range of 64-bit"),
        ("int64", False, "expected a whole number, got false"),
        ("bool", 1, "expected true or false, got the number 1"),
        ("bool", "true", "expected true or false, got text 'true'"),
        ("string", 7, "expected text, got the number 7"),
        ("string", "\ud800", "is not valid Unicode text"),
        ("datetime", "yesterday", "expected RFC 3339 such as .*, got 'yesterday'"),
        ("datetime", "2013-02-30", "expected RFC 3339"),
        ("datetime", 1372680000, "expected a time such as .*, got the number"),
        ("date", "9999-12-31T23:59:59-10:00", "expected RFC 3339"),
    ],
)
def test_what_is_wrong_is_said(dtype: DType, value: Any, says: str) -> None:
    import re

    assert re.search(says, fields.check(Feature(name="x", dtype=dtype, nullable=False), value))


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float64", 3),
        ("float64", -1.7e308),
        ("int64", 3.0),
        ("int64", -(2**63)),
        ("string", ""),
        ("string", "a\x00b"),
        ("string", "Ünï😀"),
        ("datetime", "2013-07-01"),
        ("date", "2013-07-01T23:59:59-05:00"),
    ],
)
def test_what_is_right_passes(dtype: DType, value: Any) -> None:
    assert fields.check(Feature(name="x", dtype=dtype, nullable=False), value) == ""


def test_a_moment_becomes_days() -> None:
    assert fields.days("2013-07-01T12:00:00Z") == fields.days("2013-07-01T07:00:00-05:00") == 15887.5
    assert fields.days(None) is None
