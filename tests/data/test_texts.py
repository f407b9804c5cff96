"""Typing text: properties that hold for any table."""

from __future__ import annotations

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data import texts

FEW = settings(max_examples=30, deadline=None)


def typed(values: list[str | None]) -> pl.Series:
    frame, _ = texts.typed(pl.LazyFrame({"x": pl.Series(values, dtype=pl.String)}), ["x"])
    return frame.collect()["x"]


@FEW
@given(st.lists(st.integers(-(2**62), 2**62) | st.none(), min_size=1))
def test_whole_numbers_come_back(values: list[int | None]) -> None:
    found = typed([None if v is None else str(v) for v in values])
    assert found.to_list() == values
    assert found.dtype == (pl.Int64 if any(v is not None for v in values) else pl.String)


@FEW
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_to_the_last_bit(values: list[float]) -> None:
    assert typed([repr(v) for v in values]).cast(pl.Float64).to_list() == values


@FEW
@given(st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)), min_size=1), st.sampled_from(" T"))
def test_moments_come_back(values: list[dt.datetime], gap: str) -> None:
    assert typed([v.isoformat(gap, "microseconds") for v in values]).to_list() == values


@FEW
@given(st.lists(st.sampled_from(["a", "b c", "NA", "?", "1", "2013-01-01"]), min_size=1), st.just("word"))
def test_one_word_makes_all_of_a_column_text(values: list[str], word: str) -> None:
    assert typed([*values, word]).to_list() == [*values, word]


def test_dates_are_all_there_is_to_find_in_json() -> None:
    frame = pl.LazyFrame({"n": ["1", "2"], "d": ["2013-01-01", "2013-01-02"]})
    found, _ = texts.typed(frame, ["n", "d"], dates_only=True)
    assert found.collect_schema() == {"n": pl.String, "d": pl.Date}


def test_values_that_begin_late_are_found() -> None:
    values = ["NA"] * (texts.HEAD + 5) + ["7"]
    assert typed([*values]).dtype == pl.Int64


def test_an_ambiguous_date_is_said() -> None:
    frame = pl.LazyFrame({"x": ["01/02/2013", "03/04/2013"]})
    _, findings = texts.typed(frame, ["x"])
    assert [finding.kind for finding in findings] == ["ambiguous-date"]
