"""What is this table? Roles, types, ranges, the task, and everything a person should know before training on it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from toolkit.data import columns, contract, giveaway, labels
from toolkit.data.findings import Finding
from toolkit.domain.errors import DataError
from toolkit.domain.records import Column, Schema, Task

if TYPE_CHECKING:
    import polars as pl

FEWEST_ROWS = 10
NEARLY = 0.995


class Inference(msgspec.Struct, frozen=True, kw_only=True):
    """`left_out` are columns that give the label away; `trusted` those that do but are all there is to learn from.

    The schema's label column is nullable where rows without a label were seen: ingest then drops them.
    """

    schema: Schema
    task: Task | None
    label: str
    time: str
    classes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()


def infer(
    frame: pl.DataFrame,
    label: str = "",
    *,
    time: str | None = None,
    ids: Collection[str] = (),
    ignore: Collection[str] = (),
    leave_out: bool = True,
) -> Inference:
    """`time=None` looks for an event time column; "" says there is none. `leave_out=False` keeps columns that give the
    label away (a gate will refuse them).

    Raises DataError: label missing or unusable, too few rows, nothing left to learn from.
    """
    frame, findings = contract.normal(frame)
    if len(frame) < FEWEST_ROWS:
        raise DataError(
            f"{len(frame)} rows are too few to train and test on", hint=f"at least {FEWEST_ROWS} are needed"
        )
    findings += _duplicates(frame)
    if not label:
        schema, found = _schema(frame, "", time or "", ids, ignore)
        return Inference(schema=schema, task=None, label="", time=time or "", findings=(*findings, *found))
    kept, found = labels.labelled(frame, label, drop=True)
    findings += found
    task = labels.task_of(kept[label])
    when = columns.event_time(kept, _undecided(kept, label, ids, ignore)) if time is None else time
    schema, found = _schema(kept, label, when, ids, ignore)
    if not schema.of_role("feature") and time is None and when:
        when = ""  # a table of one series: its time is all there is to learn from
        schema, found = _schema(kept, label, when, ids, ignore)
    findings += found
    _require_features(schema)
    left_out, trusted, found = _give_away(kept, schema, label, task) if leave_out else ((), (), [])
    findings += found
    classes = labels.classes(kept[label]) if task != "regression" else ()
    findings += labels.rare(kept[label]) if classes else []
    schema = _with_label(schema, len(frame) - len(kept), classes, left_out, found)
    return Inference(
        schema=schema,
        task=task,
        label=label,
        time=when,
        classes=classes,
        findings=tuple(findings),
        left_out=left_out,
        trusted=trusted,
    )


def _undecided(frame: pl.DataFrame, label: str, ids: Collection[str], ignore: Collection[str]) -> list[str]:
    return [name for name in frame.columns if name != label and name not in ids and name not in ignore]


def _duplicates(frame: pl.DataFrame) -> list[Finding]:
    count = len(frame) - frame.hash_rows().n_unique()
    if not count:
        return []
    text = f"{count:,} of {len(frame):,} rows repeat an earlier one: equal rows stay on one side of the split"
    return [Finding(kind="duplicates", text=text)]


def _schema(
    frame: pl.DataFrame, label: str, time: str, ids: Collection[str], ignore: Collection[str]
) -> tuple[Schema, list[Finding]]:
    described, findings = [], []
    for name in frame.columns:
        values = frame[name]
        seen = columns.counts(values)
        dtype = contract.dtype_of(values.dtype)
        assert dtype is not None  # normal() left the others out
        if name == label:
            given, why = "label", ""
        elif name in ignore or name in ids:
            given, why = ("ignored" if name in ignore else "id"), "by configuration"
        elif name == time:
            given, why = "time", "when the row happened"
        else:
            given, why = columns.role(values, seen)
            findings += _said(values, given, why, seen)
        described.append(columns.describe(values, dtype, given, why, seen))  # type: ignore[arg-type]
    return Schema(columns=tuple(described)), findings


def _said(values: pl.Series, role: str, why: str, seen: columns.Counts) -> list[Finding]:
    if role == "id":
        return [Finding(kind="id", column=values.name, text=f"{why}: not a feature")]
    if role == "ignored":
        kind = "constant" if why.startswith("has ") else "free-text"
        return [Finding(kind=kind, column=values.name, text=f"{why}: left out")]
    found = []
    share = _largest_share(values, seen)
    if share > NEARLY and seen.rows >= 200:
        text = f"has the same value in {share:.1%} of the rows"
        found.append(Finding(kind="near-constant", column=values.name, text=text))
    if seen.nulls / seen.rows > 0.5:
        text = f"is missing in {seen.nulls / seen.rows:.0%} of the rows"
        found.append(Finding(kind="mostly-missing", column=values.name, text=text))
    if str(values.dtype) == "String":
        marked = int(values.is_in(["NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"]).sum())
        if marked:
            text = f"{marked:,} texts are markers such as NA or ?: kept as a category of its own"
            found.append(Finding(kind="null-marker", column=values.name, text=text))
    return found


def _largest_share(values: pl.Series, seen: columns.Counts) -> float:
    """Of the rows, by the commonest value; 0.0 where there are so many values that none can be nearly all."""
    if seen.distinct > (1 - NEARLY) * seen.rows + 1:
        return 0.0
    return max(values.drop_nulls().rename("value").value_counts(name="rows")["rows"].to_list(), default=0) / seen.rows


def _require_features(schema: Schema) -> None:
    if schema.of_role("feature"):
        return
    others = [c for c in schema.columns if c.role not in ("label",)]
    why = "; ".join(f"{c.name}: {c.why or c.role}" for c in others[:5])
    text = f"no column is left to learn from ({why})" if others else "the label is the only column"
    raise DataError(text, hint="make features in prepare; a table whose columns are glued together needs , ; or tab")


def _give_away(
    frame: pl.DataFrame, schema: Schema, label: str, task: Task
) -> tuple[tuple[str, ...], tuple[str, ...], list[Finding]]:
    """(left out, trusted, findings)."""
    features = [column.name for column in schema.of_role("feature")]
    found = {n: s for n, s in giveaway.strengths(frame, features, label, task).items() if s.left_out}
    if not found:
        return (), (), []
    alone = len(found) == len(features)
    end = "kept, as there is no other feature" if alone else "left out; it may be known only after the outcome"
    findings = [
        Finding(kind="gives-label-away", column=name, text=f"tells {label!r} nearly perfectly ({strength}): {end}")
        for name, strength in found.items()
    ]
    return ((), tuple(found), findings) if alone else (tuple(found), (), findings)


def _with_label(
    schema: Schema, missing: int, classes: tuple[str, ...], left_out: tuple[str, ...], found: list[Finding]
) -> Schema:
    said = {finding.column: finding.text for finding in found}

    def final(column: Column) -> Column:
        if column.role == "label":
            why = f"{missing:,} rows without it are dropped" if missing else ""
            return replace(column, nullable=missing > 0, categories=classes or None, why=why)
        if column.name in left_out:
            return replace(column, role="ignored", categories=None, why=said[column.name])
        return column

    return Schema(columns=tuple(final(column) for column in schema.columns))
