"""From the configured source to a dataset version: read, prepare, check, keep.

The contract is the schema file, where there is one. Without it the latest version's schema stands in: dtypes are
brought to it, and what differs otherwise is said, as a person at work on `prepare` changes columns on purpose. A
retrain (`until`) has nobody watching: there, the latest version's schema binds like a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from toolkit.data import checks, columns, contract, hooks, infer, labels, leakage, snapshot, sources, split
from toolkit.domain import times
from toolkit.domain.errors import DataError, NotFound
from toolkit.domain.records import Column, Dataset, Role, Schema
from toolkit.ports.context import Context
from toolkit.state.datasets import Datasets

if TYPE_CHECKING:
    import polars as pl


def run(ctx: Context, *, until: str = "") -> Dataset:
    """The dataset version of the source as it is now, rows up to the event time `until` (inclusive) where given.

    Raises ConfigError (source, contract or hook cannot be used), DataError (the data cannot), GateFailed (contract or
    leakage). Unchanged data gives the version that is there already.
    """
    config = ctx.project.data
    frame, found = contract.normal(_until(prepared(ctx), config.time, until))
    _say(ctx, [f"{finding.column}: {finding.text}" for finding in found])
    agreed, binding = _contract(ctx, bool(until))
    if agreed is None:
        inferred = infer.infer(
            frame, config.label, time=config.time, ids=config.id, ignore=config.ignore, leave_out=False
        )
        agreed, binding = _without_label_nulls(inferred.schema), True
        _say(ctx, [f"{f.column + ': ' if f.column else ''}{f.text}" for f in inferred.findings])
    schema = _configured(ctx, _extended(ctx, frame, agreed, binding))
    frame = contract.conform(frame, schema)
    label = _label(schema)
    frame, found = labels.labelled(frame, label, drop=schema.column(label).nullable)
    labels.task_of(frame[label])
    _say(ctx, [finding.text for finding in [*found, *labels.rare(frame[label])] if finding.kind == "label-missing"])
    report = checks.check(
        frame, schema, strict=config.strict and binding, nulls=binding, max_null_share=config.max_null_share
    )
    for line in checks.advice(report, schema):
        ctx.report.warn(line)
    how = split.resolve(config.split, schema)
    parts = split.split(frame, how, schema)
    leaks = leakage.check(frame, parts, how, schema, trusted=config.trusted)
    return _kept(
        ctx, frame, schema, {"contract": report, "leakage": leaks, "dropped": [finding.text for finding in found]}
    )


def prepared(ctx: Context) -> pl.DataFrame:
    """The whole source as `prepare` leaves it: a polars frame, nothing checked yet."""
    config = ctx.project.data
    kept = _text_columns(ctx)
    with ctx.report.track("read") as advance:
        table = sources.read(config.source, ctx.directory, store=lambda: ctx.store, keep_text=kept)
        advance(len(table.frame))
        tables = {
            name: sources.read(source, ctx.directory, store=lambda: ctx.store).frame
            for name, source in config.tables.items()
        }
    if not config.prepare:
        return table.frame
    frame = hooks.prepare(table.frame, config.prepare, ctx.directory, tables=tables, kind=config.frame)
    if frame.is_empty():
        raise DataError(f"prepare ({config.prepare}) left no rows", hint="see its filters and joins")
    return frame


def _text_columns(ctx: Context) -> list[str]:
    """Columns that the contract has as text, so that codes such as 007 are not read as numbers one day."""
    if ctx.project.data.prepare or not ctx.project.data.schema_file:
        return []
    schema = contract.read(ctx.directory / ctx.project.data.schema_file)
    return [column.name for column in schema.columns if column.dtype == "string"]


def _until(frame: pl.DataFrame, time: str, until: str) -> pl.DataFrame:
    import polars as pl

    if not until or not time:
        return frame
    if time not in frame.columns or not frame[time].dtype.is_temporal():
        return frame  # said by the checks that follow
    moment = times.parse(until)
    column = pl.col(time)
    zone = getattr(frame[time].dtype, "time_zone", None)
    moments = column.dt.convert_time_zone("UTC") if zone else column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    kept = frame.filter(moments <= moment)
    if kept.is_empty():
        raise DataError(f"no row happened up to {until}", hint=f"the first is of {frame[time].min()!s}")
    return kept


def _contract(ctx: Context, unattended: bool) -> tuple[Schema | None, bool]:
    """(the schema agreed on, whether it binds)."""
    config = ctx.project.data
    if config.schema_file:
        return contract.read(ctx.directory / config.schema_file), True
    try:
        return Datasets(ctx.store).latest(ctx.project.name).schema, unattended
    except NotFound:
        return None, True


def _extended(ctx: Context, frame: pl.DataFrame, agreed: Schema, binding: bool) -> Schema:
    """The contract for this frame. Where it does not bind, columns that went are dropped and new ones are taken up."""
    known = {column.name for column in agreed.columns}
    new = [name for name in frame.columns if name not in known]
    if binding:
        _say(ctx, [f"column {name!r} is not in the contract: left out" for name in new])
        return agreed
    gone = [column.name for column in agreed.columns if column.name not in frame.columns]
    _say(ctx, [f"column {name!r} is gone since the last version" for name in gone])
    _say(ctx, [f"column {name!r} is new since the last version" for name in new])
    return Schema(columns=(*(c for c in agreed.columns if c.name not in gone), *_described(frame, new)))


def _described(frame: pl.DataFrame, names: Sequence[str]) -> list[Column]:
    found = []
    for name in names:
        seen = columns.counts(frame[name])
        role, why = columns.role(frame[name], seen)
        dtype = contract.dtype_of(frame[name].dtype)
        assert dtype is not None  # the frame is normal
        found.append(columns.describe(frame[name], dtype, role, why, seen))
    return found


def _configured(ctx: Context, schema: Schema) -> Schema:
    """What toolkit.toml says of a column's role beats the contract."""
    config = ctx.project.data
    names = [column.name for column in schema.columns]
    for name in filter(None, (config.label, config.time)):
        labels.present(names, name)

    def role(column: Column) -> Role:
        if column.name in config.ignore:
            return "ignored"
        if column.name in config.id:
            return "id"
        if column.name == config.label:
            return "label"
        if column.name == config.time:
            return "time"
        demoted = (column.role == "label" and config.label) or (column.role == "time" and config.time)
        return "feature" if demoted else column.role

    return Schema(columns=tuple(replace(column, role=role(column)) for column in schema.columns))


def _without_label_nulls(schema: Schema) -> Schema:
    """Without a contract of a person's, a row without a label is an error, not a habit."""
    return Schema(columns=tuple(replace(c, nullable=False) if c.role == "label" else c for c in schema.columns))


def _label(schema: Schema) -> str:
    found = schema.of_role("label")
    if len(found) != 1:
        raise DataError(
            "the contract names no label" if not found else "the contract names several labels",
            hint='set data.label in toolkit.toml: label = "COLUMN"',
        )
    return found[0].name


def _kept(ctx: Context, frame: pl.DataFrame, schema: Schema, report: dict[str, Any]) -> Dataset:
    """The snapshot, its schema with the ranges and categories of these rows."""
    seen = Schema(columns=tuple(_seen(frame, column) for column in schema.columns if column.name in frame.columns))
    source = ctx.project.data.source
    with ctx.report.track("snapshot", len(frame)) as advance:
        return snapshot.take(
            ctx.store,
            ctx.project.name,
            frame,
            seen,
            source=source if isinstance(source, str) else ", ".join(source),
            created=ctx.clock(),
            actor=ctx.actor,
            report=report,
            advance=advance,
        )


def _seen(frame: pl.DataFrame, column: Column) -> Column:
    values = frame[column.name]
    now = columns.describe(values, column.dtype, column.role, column.why, columns.counts(values))
    categories = now.categories
    if column.role == "label" and labels.task_of(values) != "regression":
        categories = labels.classes(values)
    return replace(now, nullable=column.nullable or now.nullable, categories=categories)


def _say(ctx: Context, lines: Sequence[str]) -> None:
    for line in lines:
        ctx.report.warn(line)
