"""The contract of a table: its file, and bringing a frame to it.

`schema.json` is the Schema as a person can read and edit it: one column a line, defaults left out. A frame is brought
to its dtypes only where nothing is lost; what does not fit is an error that shows the first rows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from toolkit.data.findings import Finding
from toolkit.domain.errors import ConfigError, DataError, NewerFormat
from toolkit.domain.records import Column, DType, Schema

if TYPE_CHECKING:
    import polars as pl

FORMAT = 1
_DEFAULTS = msgspec.to_builtins(Column(name="", dtype="string"))


def dumps(schema: Schema) -> str:
    """The text of a schema file."""
    lines = []
    for column in schema.columns:
        fields = msgspec.to_builtins(column)
        kept = {k: v for k, v in fields.items() if k in ("name", "dtype", "nullable", "role") or v != _DEFAULTS[k]}
        lines.append("    " + json.dumps(kept, ensure_ascii=False))
    return f'{{\n  "format": {FORMAT},\n  "columns": [\n' + ",\n".join(lines) + "\n  ]\n}\n"


def read(path: Path) -> Schema:
    """ConfigError (missing, not JSON, wrong field), NewerFormat."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and int(data.get("format", FORMAT)) > FORMAT:
            raise NewerFormat(f"{path} has format {data['format']}; this version reads up to {FORMAT}")
        schema = msgspec.convert(data, Schema)
    except OSError as error:
        raise ConfigError(f"data.schema_file {path} cannot be read: {error.strerror}", hint="toolkit init") from error
    except (ValueError, TypeError) as error:  # not JSON, not UTF-8, or not a schema
        raise ConfigError(f"{path}: {error}", hint='one {"name": ..., "dtype": ...} a column') from error
    names = [column.name for column in schema.columns]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{path}: column {name!r} is there {names.count(name)} times")
    return schema


def dtype_of(dtype: pl.DataType) -> DType | None:
    """Our word for a polars dtype; None for what has none (nested, binary, objects)."""
    import polars as pl

    if dtype.is_integer():
        return "int64"
    if dtype.is_float() or dtype.is_decimal() or dtype in (pl.Duration, pl.Time):
        return "float64"
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return "string"
    words: dict[Any, DType] = {pl.Boolean: "bool", pl.Date: "date", pl.Datetime: "datetime"}
    return next((word for kind, word in words.items() if dtype == kind), None)


def normal(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Six dtypes only: Int64, Float64, Boolean, String, Date, Datetime("us", "UTC"). Durations and times of day become
    seconds, a time without a zone is UTC. NaN and infinities are null: no JSON client could send them. Nested and
    binary columns are left out and said."""
    import polars as pl

    findings, expressions = [], []
    for name, dtype in frame.schema.items():
        if dtype_of(dtype) is None:
            text = f"left out: {dtype} has no place in a table of features; unnest it in prepare"
            findings.append(Finding(kind="nested", column=name, text=text))
        else:
            expressions.append(_normal(pl.col(name), dtype).alias(name))
            findings += _infinite(frame[name])
    return frame.select(expressions), findings


def _infinite(values: pl.Series) -> list[Finding]:
    count = int(values.is_infinite().sum()) if values.dtype.is_float() else 0
    text = f"{count:,} infinite values are taken as missing"
    return [Finding(kind="infinite", column=values.name, text=text)] if count else []


def _normal(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    import polars as pl

    if dtype == pl.UInt64 or dtype in (pl.Int128, pl.UInt128):
        return column.cast(pl.Int64, strict=False)
    if dtype.is_integer():
        return column.cast(pl.Int64)
    if dtype == pl.Duration:
        return column.dt.total_microseconds() / 1_000_000
    if dtype == pl.Time:
        return column.cast(pl.Int64) / 1_000_000_000
    if dtype.is_float() or dtype.is_decimal():
        number = column.cast(pl.Float64)
        return pl.when(number.is_finite()).then(number)
    if isinstance(dtype, pl.Datetime):
        exact = column.cast(pl.Datetime("us", dtype.time_zone))
        return exact.dt.convert_time_zone("UTC") if dtype.time_zone else exact.dt.replace_time_zone("UTC")
    if dtype in (pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    return column


def polars_dtype(dtype: DType) -> Any:
    import polars as pl

    return {
        "float64": pl.Float64,
        "int64": pl.Int64,
        "bool": pl.Boolean,
        "string": pl.String,
        "date": pl.Date,
        "datetime": pl.Datetime("us", "UTC"),
    }[dtype]


def conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The contract's columns in its order and dtypes; others are dropped. `frame` is normal.

    Raises DataError: a column is missing, or values do not fit its dtype (the first rows are shown).
    """
    missing = [c.name for c in schema.columns if c.name not in frame.columns and c.role != "ignored"]
    if missing:
        raise DataError(
            f"column {missing[0]!r} of the contract is missing"
            + (f" (and {len(missing) - 1} more: {', '.join(missing[1:5])})" if len(missing) > 1 else ""),
            hint=f"the data has {', '.join(frame.columns[:10])}",
        )
    return frame.select(_cast(frame[c.name], c) for c in schema.columns if c.name in frame.columns)


def _cast(values: pl.Series, column: Column) -> pl.Series:
    if values.dtype == polars_dtype(column.dtype):
        return values
    cast = _lossless(values, column.dtype)
    misfit = cast.is_null() & values.is_not_null()
    if misfit.any():
        raise _misfit(values, column, misfit)
    return cast.alias(values.name)


def _lossless(values: pl.Series, dtype: DType) -> pl.Series:
    """`values` as `dtype`; null where that would lose something."""
    import polars as pl

    wanted = polars_dtype(dtype)
    match dtype_of(values.dtype), dtype:
        case "float64", "int64":
            return values.set(values != values.round(), None).cast(wanted, strict=False)
        case "int64", "bool":
            return values.set(~values.is_in([0, 1]), None).cast(wanted)
        case "date", "datetime":
            return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        case ("int64" | "bool" | "string", "int64" | "float64") | (_, "string"):
            return values.cast(wanted, strict=False)
        case _:
            return pl.Series(values.name, [None] * len(values), dtype=wanted)


def _misfit(values: pl.Series, column: Column, misfit: pl.Series) -> DataError:
    rows = misfit.arg_true().head(3).to_list()
    shown = ", ".join(f"row {row + 1}: {values[row]!r}" for row in rows)
    return DataError(
        f"column {column.name!r} is {column.dtype} in the contract, but {int(misfit.sum()):,} values are not ({shown})",
        hint="clean the column in prepare, or change its dtype in the schema file",
    )
