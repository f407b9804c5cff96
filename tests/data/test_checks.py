"""The contract as gates, and what is only advice."""

from __future__ import annotations

import polars as pl
import pytest

from toolkit.data import checks
from toolkit.domain.errors import GateFailed
from toolkit.domain.records import Column, Schema

SCHEMA = Schema(
    columns=(
        Column(name="n", dtype="float64", nullable=False, minimum=0.0, maximum=10.0),
        Column(name="city", dtype="string", categories=("Lyon", "Paris")),
        Column(name="gap", dtype="int64", minimum=0.0, maximum=10.0),
        Column(name="t", dtype="date", role="time", nullable=False),
        Column(name="note", dtype="string", role="ignored", nullable=False),
        Column(name="y", dtype="string", role="label", categories=("a", "b")),
    )
)
GOOD = pl.DataFrame(
    {"n": [0.0, 10.0], "city": ["Paris", None], "gap": [None, 3], "t": ["x", "y"], "note": [None, "b"], "y": ["a", "b"]}
)


def bad(**columns: list[object]) -> pl.DataFrame:
    return GOOD.with_columns(pl.Series(name, values, strict=False) for name, values in columns.items())


def test_what_keeps_the_contract_is_silent() -> None:
    assert checks.check(GOOD, SCHEMA) == {}


def test_ranges_and_categories_are_advice_until_they_are_strict() -> None:
    frame = bad(n=[-1.0, 99.0], city=["Nice", "Lille"], y=["a", "c"])
    found = checks.check(frame, SCHEMA)
    assert found["out_of_range"] == {"n": {"count": 2, "rows": [1, 2], "values": ["-1.0", "99.0"]}}
    assert found["unseen"]["city"]["count"] == 2
    assert found["unseen"]["y"] == {"count": 1, "rows": [2], "values": ["c"]}
    said = checks.advice(found, SCHEMA)
    assert said[0] == "n: 2 values out of range (row 1: -1.0, row 2: 99.0); the contract has 0 to 10"
    assert "city: 2 values not seen before (row 1: Nice, row 2: Lille); the contract has Lyon, Paris" in said
    with pytest.raises(GateFailed, match="contract: column 'n' has 2 values out of range in 2 rows"):
        checks.check(frame, SCHEMA, strict=True)


def test_a_missing_value_is_a_gate_where_the_contract_has_none() -> None:
    frame = bad(n=[None, 1.0])
    with pytest.raises(GateFailed, match=r"column 'n' has 1 missing values in 2 rows \(row 1: null\)"):
        checks.check(frame, SCHEMA)
    assert checks.check(frame, SCHEMA, nulls=False)["nulls"]["n"]["count"] == 1


def test_the_share_of_missing_values_has_a_limit() -> None:
    checks.check(GOOD, SCHEMA, max_null_share=0.5)
    with pytest.raises(GateFailed, match=r"null share: column 'city' is missing in 50\.0% of rows \(limit 49\.0%\)"):
        checks.check(GOOD, SCHEMA, max_null_share=0.49)
