"""The contract of one ingest: what was agreed, what toolkit.toml says of it, and what these rows look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit.data import columns, contract, labels
from toolkit.domain.config import DataConfig
from toolkit.domain.errors import ConfigError, DataError
from toolkit.domain.records import Column, Role, Schema

if TYPE_CHECKING:
    import polars as pl


def extended(frame: pl.DataFrame, agreed: Schema, *, binding: bool) -> tuple[Schema, list[str]]:
    """The contract for this frame, and what differs, in words. Where it does not bind, columns that went are dropped
    and new ones are taken up. `frame` is normal."""
    known = {column.name for column in agreed.columns}
    new = [name for name in frame.columns if name not in known]
    if binding:
        return agreed, [f"column {name!r} is not in the contract: left out" for name in new]
    gone = known - set(frame.columns)
    said = [f"column {name!r} is gone since the last version" for name in sorted(gone)]
    said += [f"column {name!r} is new since the last version" for name in new]
    kept = (column for column in agreed.columns if column.name not in gone)
    return Schema(columns=(*kept, *(_described(frame[name]) for name in new))), said


def _described(values: pl.Series) -> Column:
    dtype = contract.dtype_of(values.dtype)
    assert dtype is not None  # the frame is normal
    seen = columns.counts(values)
    return columns.describe(values, dtype, *columns.role(values, seen), seen)


def configured(schema: Schema, config: DataConfig) -> Schema:
    """The schema with the roles that toolkit.toml gives, which beat the contract's.

    Raises DataError (no such column; no label, or several) or ConfigError (the event time is no date or time).
    """
    names = [column.name for column in schema.columns]
    for name in filter(None, (config.label, config.time)):
        labels.present(names, name)
    done = Schema(columns=tuple(replace(column, role=_role(column, config)) for column in schema.columns))
    found = done.of_role("label")
    if len(found) != 1:
        said = "names no label" if not found else f"names {len(found)} labels"
        raise DataError(
            f"the contract {said}", hint='name the column to predict in toolkit.toml: data.label = "COLUMN"'
        )
    for column in done.of_role("time"):
        if column.dtype not in ("date", "datetime"):
            raise ConfigError(
                f"data.time = {column.name!r} is {column.dtype}, not a date or time", hint="make it one in prepare"
            )
    return done


def _role(column: Column, config: DataConfig) -> Role:
    if column.name == config.label:
        return "label"
    if column.name == config.time:
        return "time"
    if column.name in config.ignore:
        return "ignored"
    if column.name in config.id:
        return "id"
    demoted = (column.role == "label" and config.label) or (column.role == "time" and config.time)
    return "feature" if demoted else column.role


def observed(frame: pl.DataFrame, schema: Schema, task: labels.Wanted = "auto") -> Schema:
    """The contract with the ranges, categories and classes of these rows, which all have a label.

    DataError where nothing can be learnt of it.
    """
    return Schema(columns=tuple(_observed(frame[c.name], c, task) for c in schema.columns if c.name in frame.columns))


def _observed(values: pl.Series, column: Column, task: labels.Wanted) -> Column:
    now = columns.describe(values, column.dtype, column.role, column.why, columns.counts(values))
    categories = now.categories
    if column.role == "label":
        categories = None if labels.task_of(values, task) == "regression" else labels.classes(values)
    return replace(now, nullable=column.nullable or now.nullable, categories=categories)


def label_required(schema: Schema) -> Schema:
    """Unless a person's contract says so, a row without a label is an error, not a habit."""
    return Schema(columns=tuple(replace(c, nullable=False) if c.role == "label" else c for c in schema.columns))
