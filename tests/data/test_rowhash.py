"""Numbers for rows that no library version may change."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from toolkit.data.rowhash import mixed, row_hashes, seeded

FRAME = pl.DataFrame(
    {
        "n": [1, 2, None],
        "f": [0.5, -0.0, None],
        "t": ["a", "é", None],
        "b": [True, False, None],
        "d": [dt.date(2013, 7, 1), dt.date(1970, 1, 1), None],
        "m": [dt.datetime(2013, 7, 1, 12, tzinfo=dt.UTC), dt.datetime(1970, 1, 1, tzinfo=dt.UTC), None],
    }
)
EXPECTED = [18089163672534624604, 12464917621797049486, 16578051931959137793]
EXPECTED_SEEDED = [689182547458628361, 8512851153068788910, 10696581676660594918]


def test_the_numbers_are_these_for_ever() -> None:
    """A change here moves rows between train and test of every project."""
    assert row_hashes(FRAME, FRAME.columns).tolist() == EXPECTED
    assert seeded(row_hashes(FRAME, ["n"]), 1).tolist() == EXPECTED_SEEDED


def test_equal_values_are_equal_whatever_their_dtype() -> None:
    whole = pl.DataFrame({"x": [0, 1, -1, 2**53, -(2**53), None]})
    assert (row_hashes(whole, ["x"]) == row_hashes(whole.cast(pl.Float64), ["x"])).all()
    zero = pl.DataFrame({"x": [0.0, -0.0]})
    assert len(set(row_hashes(zero, ["x"]).tolist())) == 1
    gaps = pl.DataFrame({"x": [None, float("nan")]})
    assert len(set(row_hashes(gaps, ["x"]).tolist())) == 1


def test_what_differs_differs() -> None:
    ints = pl.DataFrame({"x": [2**60, 2**60 + 1, 0, 1, -1, None]})
    assert len(set(row_hashes(ints, ["x"]).tolist())) == 6
    swapped = pl.DataFrame({"a": [1, 2], "b": [2, 1]})
    assert len(set(row_hashes(swapped, ["a", "b"]).tolist())) == 2
    many = pl.DataFrame({"x": np.arange(100_000)})
    assert len(set(row_hashes(many, ["x"]).tolist())) == 100_000


def test_mixing_loses_nothing_and_spreads() -> None:
    numbers = mixed(np.arange(100_000, dtype=np.uint64))
    assert len(set(numbers.tolist())) == 100_000
    shares = np.histogram(numbers / 2.0**64, bins=10, range=(0, 1))[0] / 100_000
    assert abs(shares - 0.1).max() < 0.01
