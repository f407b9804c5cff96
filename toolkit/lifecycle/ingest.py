"""From the configured source to a dataset version: read, prepare, check, keep.

The contract is the schema file, where there is one. Without it the latest version's schema stands in: dtypes are
brought to it, and what differs otherwise is said, as a person at work on `prepare` changes columns on purpose. A
retrain (`until`) has nobody watching: there, the latest version's columns bind like a file's. What was merely observed
once (no missing values, a range) is a gate only where a person's file says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from toolkit.data import checks, contract, hooks, infer, labels, leakage, roles, snapshot, sources, split
from toolkit.domain import times
from toolkit.domain.errors import DataError, NotFound
from toolkit.domain.records import Dataset, Schema
from toolkit.ports.context import Context
from toolkit.state.datasets import Datasets

if TYPE_CHECKING:
    import polars as pl


def run(ctx: Context, *, until: str = "") -> Dataset:
    """The dataset version of the source as it is now, rows up to the event time `until` (inclusive) where given.

    Raises ConfigError (source, contract or hook cannot be used), DataError (the data cannot), GateFailed (contract or
    leakage). Unchanged data gives the version that is there already.
    """
    agreed = _agreed(ctx)
    frame, found = contract.normal(_until(prepared(ctx), _time(ctx, agreed), until))
    _warn(ctx, (f"{finding.column}: {finding.text}" for finding in found))
    schema = _schema(ctx, frame, agreed, unattended=bool(until))
    frame, dropped = _with_label(ctx, contract.conform(frame, schema), schema)
    seen = roles.observed(frame, schema, ctx.project.data.task)
    report = {**_checked(ctx, frame, schema, seen), "dropped": dropped}
    with ctx.report.track("snapshot", len(frame)) as advance:
        return snapshot.take(
            ctx.store,
            ctx.project.name,
            frame,
            seen,
            source=_named(ctx.project.data.source),
            created=ctx.clock(),
            actor=ctx.actor,
            report=report,
            advance=advance,
        )


def prepared(ctx: Context) -> pl.DataFrame:
    """The whole source as `prepare` leaves it: a polars frame, nothing checked yet."""
    config = ctx.project.data
    with ctx.report.track(f"read {_named(config.source)}") as advance:
        table = sources.read(config.source, ctx.directory, store=lambda: ctx.store, keep_text=_text_columns(ctx))
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


def _named(source: str | list[str]) -> str:
    return source if isinstance(source, str) else ", ".join(source)


def _text_columns(ctx: Context) -> list[str]:
    """Columns that the contract has as text, so that codes such as 007 are not read as numbers one day."""
    if ctx.project.data.prepare or not ctx.project.data.schema_file:
        return []
    schema = contract.read(ctx.directory / ctx.project.data.schema_file)
    return [column.name for column in schema.columns if column.dtype == "string"]


def _until(frame: pl.DataFrame, time: str, until: str) -> pl.DataFrame:
    import polars as pl

    if not until or time not in frame.columns or not frame[time].dtype.is_temporal():
        return frame  # a time column that is none is refused by the checks that follow
    zone = getattr(frame[time].dtype, "time_zone", None)
    moments = pl.col(time).cast(pl.Datetime("us", zone))
    moments = moments.dt.convert_time_zone("UTC") if zone else moments.dt.replace_time_zone("UTC")
    kept = frame.filter(moments <= times.parse(until))
    if kept.is_empty():
        raise DataError(f"no row happened up to {until}", hint=f"the first is of {frame[time].min()!s}")
    return kept


def _agreed(ctx: Context) -> Schema | None:
    """The schema file's, else the latest version's; None before the first."""
    if ctx.project.data.schema_file:
        return contract.read(ctx.directory / ctx.project.data.schema_file)
    try:
        return Datasets(ctx.store).latest(ctx.project.name).schema
    except NotFound:
        return None


def _time(ctx: Context, agreed: Schema | None) -> str:
    named = agreed.of_role("time") if agreed else ()
    return ctx.project.data.time or (named[0].name if named else "")


def _schema(ctx: Context, frame: pl.DataFrame, agreed: Schema | None, *, unattended: bool) -> Schema:
    """The contract of this ingest."""
    config = ctx.project.data
    if agreed is None:
        return _first(ctx, frame)
    schema, said = roles.extended(frame, agreed, binding=unattended or bool(config.schema_file))
    _warn(ctx, said)
    return roles.configured(schema, config)


def _first(ctx: Context, frame: pl.DataFrame) -> Schema:
    """Without a contract and a version: what the table itself says, and the configuration."""
    config = ctx.project.data
    if config.label:
        labels.present(frame.columns, config.label)
        labels.labelled(frame, config.label, drop=False)
    inferred = infer.infer(frame, config.label, time=config.time, ids=config.id, ignore=config.ignore, leave_out=False)
    _warn(ctx, (f"{f.column}: {f.text}" if f.column else f.text for f in inferred.findings))
    return roles.configured(roles.label_required(inferred.schema), config)


def _with_label(ctx: Context, frame: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, list[str]]:
    """The rows that have a label, and what was dropped, in words."""
    label = schema.of_role("label")[0]
    kept, found = labels.labelled(frame, label.name, drop=label.nullable)
    dropped = [finding.text for finding in found]
    _warn(ctx, dropped)
    return kept, dropped


def _checked(ctx: Context, frame: pl.DataFrame, schema: Schema, seen: Schema) -> dict[str, Any]:
    """What the gates of contract and leakage measured. GateFailed where one refuses."""
    config = ctx.project.data
    declared = bool(config.schema_file)
    found = checks.check(
        frame, schema, strict=config.strict and declared, nulls=declared, max_null_share=config.max_null_share
    )
    if declared:  # what was merely seen last time is in the report
        _warn(ctx, checks.advice(found, schema))
    how = split.resolve(config.split, seen)
    leaks = leakage.check(frame, split.split(frame, how, seen), how, seen, trusted=config.trusted)
    return {"contract": found, "leakage": leaks}


def _warn(ctx: Context, lines: Iterable[str]) -> None:
    for line in lines:
        ctx.report.warn(line)
