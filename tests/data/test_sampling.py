"""Rows as a client would send them: what goes out is read back as the same wire values."""

from __future__ import annotations

import json

import polars as pl

from toolkit.data import contract
from toolkit.data.sampling import wire_columns, wire_records
from toolkit.domain import wire
from toolkit.domain.records import Feature


def test_every_dtype_is_json_and_means_the_same(shop: pl.DataFrame) -> None:
    frame, _ = contract.normal(shop.head(50))
    columns = json.loads(json.dumps(wire_columns(frame)))
    for name, dtype in frame.schema.items():
        word = contract.dtype_of(dtype)
        assert word is not None
        feature = Feature(name=name, dtype=word)
        direct = [str(v) for v in wire.column(feature, frame[name].to_list())]
        assert [str(v) for v in wire.column(feature, columns[name])] == direct


def test_records_are_the_same_values_by_row(shop: pl.DataFrame) -> None:
    rows = wire_records(shop.head(3))
    assert rows[1]["when"] == wire.to_json(shop["when"][1])
    assert [list(row) for row in rows] == [shop.columns] * 3
    assert wire_records(shop.head(0)) == []


def test_a_number_that_is_none_is_null() -> None:
    assert wire_columns(pl.DataFrame({"x": [1.5, float("nan"), None]})) == {"x": [1.5, None, None]}
