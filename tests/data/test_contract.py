"""The schema file as a person edits it, and frames brought to it without loss."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from toolkit.data import contract
from toolkit.domain.errors import ConfigError, DataError, NewerFormat
from toolkit.domain.records import Column, DType, Schema

SCHEMA = Schema(
    columns=(
        Column(name="n", dtype="float64", nullable=False, minimum=0.0, maximum=2.5),
        Column(name='na "me"', dtype="string", role="id", categories=("ä", "b"), why="an id"),
        Column(name="y", dtype="bool", role="label"),
    )
)


def test_the_file_comes_back(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(contract.dumps(SCHEMA), encoding="utf-8")
    assert contract.read(tmp_path / "schema.json") == SCHEMA
    assert len(contract.dumps(SCHEMA).splitlines()) == len(SCHEMA.columns) + 5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "schema.json: "),
        ('{"columns": [{"name": "x", "dtype": "decimal"}]}', "decimal"),
        ('{"columns": [{"name": "x"}]}', "dtype"),
        ('{"columns": [{"name": "x", "dtype": "bool"}, {"name": "x", "dtype": "bool"}]}', "'x' is there 2 times"),
        ("[]", "schema.json: "),
    ],
)
def test_a_broken_file_is_told(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "schema.json").write_text(text)
    with pytest.raises(ConfigError, match=says):
        contract.read(tmp_path / "schema.json")


def test_a_missing_and_a_newer_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        contract.read(tmp_path / "schema.json")
    (tmp_path / "schema.json").write_text('{"format": 99, "columns": []}')
    with pytest.raises(NewerFormat, match="format 99"):
        contract.read(tmp_path / "schema.json")


def test_six_dtypes_are_all_there_are() -> None:
    noon = dt.datetime(2013, 7, 1, 12)
    frame = pl.DataFrame(
        {
            "i8": pl.Series([1, None], dtype=pl.Int8),
            "u64": pl.Series([1, 2**63], dtype=pl.UInt64),
            "f32": pl.Series([0.5, float("nan")], dtype=pl.Float32),
            "inf": pl.Series([0.5, float("-inf")]),
            "dec": pl.Series(["1.50", None]).cast(pl.Decimal(10, 2)),
            "cat": pl.Series(["a", None], dtype=pl.Categorical),
            "naive": pl.Series([noon, None], dtype=pl.Datetime("ns")),
            "zoned": pl.Series([noon, None]).dt.replace_time_zone("Europe/Paris"),
            "span": pl.Series([dt.timedelta(minutes=1), None]),
            "clock": pl.Series([dt.time(1), None]),
            "none": pl.Series([None, None]),
            "list": pl.Series([[1], [2]]),
        }
    )
    found, findings = contract.normal(frame)
    utc = pl.Datetime("us", "UTC")
    assert dict(found.schema) == {
        "i8": pl.Int64, "u64": pl.Int64, "f32": pl.Float64, "inf": pl.Float64, "dec": pl.Float64, "cat": pl.String,
        "naive": utc, "zoned": utc, "span": pl.Float64, "clock": pl.Float64, "none": pl.String,
    }  # fmt: skip
    row = found.row(0, named=True)
    assert (row["naive"], row["zoned"]) == (noon.replace(tzinfo=dt.UTC), noon.replace(hour=10, tzinfo=dt.UTC))
    assert (row["span"], row["clock"], row["dec"]) == (60.0, 3600.0, 1.5)
    assert found.row(1) == (None,) * 11
    assert [(finding.kind, finding.column) for finding in findings] == [("infinite", "inf"), ("nested", "list")]
    assert contract.normal(found)[0].equals(found)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, None], "float64", [1.0, None]),
        ([1.0, None], "int64", [1, None]),
        ([0, 1], "bool", [False, True]),
        ([True, False], "int64", [1, 0]),
        ([7, None], "string", ["7", None]),
        (["7", None], "int64", [7, None]),
        ([None, None], "float64", [None, None]),
        ([None, None], "datetime", [None, None]),
        ([dt.date(2013, 1, 1)], "datetime", [dt.datetime(2013, 1, 1, tzinfo=dt.UTC)]),
    ],
)
def test_what_loses_nothing_is_cast(values: list[Any], dtype: DType, expected: list[Any]) -> None:
    frame, _ = contract.normal(pl.DataFrame({"x": values, "extra": values}))
    found = contract.conform(frame, Schema(columns=(Column(name="x", dtype=dtype),)))
    assert found.to_dict(as_series=False) == {"x": expected}
    assert found.schema["x"] == contract.polars_dtype(dtype)


@pytest.mark.parametrize(
    ("values", "dtype", "says"),
    [
        ([1.0, 2.5], "int64", "row 2: 2.5"),
        ([0, 2], "bool", "row 2: 2"),
        (["7", "x"], "float64", "row 2: 'x'"),
        (["2013"], "date", "row 1: '2013'"),
        ([1.5], "datetime", "row 1: 1.5"),
        ([dt.datetime(2013, 1, 1)], "date", "row 1: "),
    ],
)
def test_what_would_lose_something_is_refused(values: list[Any], dtype: DType, says: str) -> None:
    frame, _ = contract.normal(pl.DataFrame({"x": values}))
    with pytest.raises(DataError, match=f"column 'x' is {dtype} in the contract, but 1 values are not .{says}"):
        contract.conform(frame, Schema(columns=(Column(name="x", dtype=dtype),)))


def test_a_missing_column_is_named_unless_it_is_ignored() -> None:
    schema = Schema(columns=(Column(name="x", dtype="int64"), Column(name="z", dtype="int64", role="ignored")))
    assert contract.conform(pl.DataFrame({"x": [1]}), schema).columns == ["x"]
    with pytest.raises(DataError, match="column 'x' of the contract is missing"):
        contract.conform(pl.DataFrame({"z": [1]}), schema)
