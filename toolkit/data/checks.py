"""A frame against its contract, column by column, with pandera.

Gates: a null where the contract has none, more nulls than `data.max_null_share`. Ranges and categories are what was
seen when the contract was written: outside them is advice, counted in the report, or a gate with `data.strict`. Columns
and dtypes were settled before, by `contract.conform`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from toolkit.domain.errors import GateFailed, missing_extra
from toolkit.domain.records import Column, Schema

if TYPE_CHECKING:
    import polars as pl

_WORDS = {"not_nullable": "nulls", "in_range": "out_of_range", "isin": "unseen"}
_SAID = {"nulls": "missing values", "out_of_range": "values out of range", "unseen": "values not seen before"}


def check(
    frame: pl.DataFrame, schema: Schema, *, strict: bool = False, nulls: bool = True, max_null_share: float = 1.0
) -> dict[str, Any]:
    """{"nulls" | "out_of_range" | "unseen": {column: {"count", "rows": first rows, "values": first values}}}.

    `nulls=False` makes nullability advice as well. Raises GateFailed naming column, count and first rows.
    """
    report = _failures(frame, schema)
    for column in schema.of_role("feature"):
        share = frame[column.name].null_count() / max(len(frame), 1)
        if share > max_null_share:
            raise GateFailed(
                f"null share: column {column.name!r} is missing in {share:.1%} of rows (limit {max_null_share:.1%})",
                hint="toolkit data ingest once the source is complete, or raise data.max_null_share",
            )
    gates = (["nulls"] if nulls else []) + (["out_of_range", "unseen"] if strict else [])
    for kind in gates:
        for name, found in report.get(kind, {}).items():
            raise _refused(kind, name, found, len(frame), schema.column(name))
    return report


def advice(report: dict[str, Any], schema: Schema) -> list[str]:
    """The report in words, one line a column."""
    return [
        f"{name}: {found['count']:,} {_SAID[kind]} ({_shown(found)}); {_bounds(kind, schema.column(name))}"
        for kind, columns in report.items()
        for name, found in columns.items()
    ]


def _refused(kind: str, name: str, found: dict[str, Any], rows: int, column: Column) -> GateFailed:
    return GateFailed(
        f"contract: column {name!r} has {found['count']:,} {_SAID[kind]} in {rows:,} rows ({_shown(found)}); "
        f"{_bounds(kind, column)}",
        hint="clean them in prepare, or change the column in the schema file",
    )


def _shown(found: dict[str, Any]) -> str:
    return ", ".join(f"row {r}: {v}" for r, v in zip(found["rows"], found["values"], strict=True))


def _bounds(kind: str, column: Column) -> str:
    if kind == "nulls":
        return "the contract has it in every row"
    if kind == "out_of_range":
        return f"the contract has {column.minimum:g} to {column.maximum:g}"
    known = column.categories or ()
    return f"the contract has {', '.join(known[:5])}{', ...' if len(known) > 5 else ''}"


def _failures(frame: pl.DataFrame, schema: Schema) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandera announces its other backends
            import pandera.polars as pa
    except ImportError as error:
        raise missing_extra("pandera", "data") from error

    try:
        pa.DataFrameSchema({c.name: _rules(c, pa) for c in _checked(frame, schema)}).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        return _counted(errors.failure_cases)
    return {}


def _checked(frame: pl.DataFrame, schema: Schema) -> list[Column]:
    roles = ("feature", "label", "time")
    return [c for c in schema.columns if c.role in roles and c.name in frame.columns]


def _rules(column: Column, pa: Any) -> Any:
    rules = []
    if column.role == "feature" and column.minimum is not None and column.maximum is not None:
        rules.append(pa.Check.in_range(column.minimum, column.maximum))
    if column.categories and column.dtype == "string":
        rules.append(pa.Check.isin(list(column.categories)))
    return pa.Column(None, nullable=column.nullable, checks=rules)


def _counted(cases: pl.DataFrame) -> dict[str, Any]:
    import polars as pl

    kind = pl.col("check").str.extract(r"^(\w+)").replace(_WORDS).alias("kind")
    grouped = cases.group_by(kind, "column", maintain_order=True).agg(
        pl.len(), (pl.col("index") + 1).head(3), pl.col("failure_case").head(3)
    )
    report: dict[str, Any] = {}
    for word, column, count, rows, values in grouped.iter_rows():
        shown = ["null" if value is None else value for value in values]
        report.setdefault(word, {})[column] = {"count": count, "rows": rows, "values": shown}
    return report
