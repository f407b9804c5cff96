"""Rows of a table as the JSON values that a client would send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.domain import wire

if TYPE_CHECKING:
    import polars as pl


def wire_columns(frame: pl.DataFrame) -> dict[str, list[Any]]:
    """{column: JSON values}: times as RFC 3339 text, missing values as null."""
    return {name: _values(frame[name]) for name in frame.columns}


def wire_records(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """The same as one record a row."""
    columns = wire_columns(frame)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _values(column: pl.Series) -> list[Any]:
    values = column.to_list()
    plain = column.dtype.is_integer() or str(column.dtype) in ("String", "Boolean")
    return values if plain else [wire.to_json(value) for value in values]
