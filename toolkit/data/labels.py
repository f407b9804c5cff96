"""The label: is it there, what does it ask for, can anything be learnt from it.

Text and booleans are classes; so is any label of exactly two values, and an integer label of at most 20 that come five
times each on average (wine quality 3..9 is seven classes; a house price is a quantity). Everything else is a quantity.
`init` writes what it decided for a label of numbers into toolkit.toml (`data.task`), so that more rows never change it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from toolkit.data.findings import Finding
from toolkit.domain.errors import ConfigError, DataError
from toolkit.domain.records import Column, Task

if TYPE_CHECKING:
    import polars as pl

Wanted = Literal["auto", "classification", "regression"]
FEW_CLASSES = 20
ROWS_OF_A_CLASS = 5
MOST_CLASSES = 200
NO_LABEL = ("NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "?")


def present(columns: Sequence[str], label: str) -> None:
    """ConfigError (the name was written by a person) gives the nearest of `columns`."""
    if label in columns:
        return
    near = [name for name in columns if name.casefold() == label.casefold()]
    near = near or difflib.get_close_matches(label, columns, 3, 0.5)
    known = ", ".join(map(repr, columns[:12])) + (" ..." if len(columns) > 12 else "")
    raise ConfigError(
        f"there is no column {label!r}; the columns are {known}",
        hint=f"did you mean {' or '.join(map(repr, near))}?" if near else "name one of them",
    )


def labelled(frame: pl.DataFrame, label: str, *, drop: bool) -> tuple[pl.DataFrame, list[Finding]]:
    """The rows that have a label (a text such as NA or ? is none). DataError where some have none and `drop` is not
    set, or none has one."""
    import polars as pl

    present(frame.columns, label)
    missing = frame[label].is_null()
    if frame.schema[label] == pl.String:
        missing |= frame[label].is_in(NO_LABEL).fill_null(False)
    count = int(missing.sum())
    if count == 0:
        return frame, []
    if count == len(frame):
        raise DataError(f"label {label!r} is missing in all {count:,} rows", hint="choose another label column")
    if not drop:
        rows = ", ".join(str(row + 1) for row in missing.arg_true().head(5))
        more = ", ..." if count > 5 else ""
        raise DataError(
            f"label {label!r} is missing in {count:,} of {len(frame):,} rows (rows {rows}{more})",
            hint='drop them in prepare, or set "nullable": true for the label in the schema file to have them dropped',
        )
    text = f"{count:,} of {len(frame):,} rows have no label: they are dropped"
    return frame.filter(~missing), [Finding(kind="label-missing", column=label, text=text)]


def task_of(values: pl.Series, wanted: Wanted = "auto") -> Task:
    """What the label asks for. `values` has no nulls and a dtype of the contract.

    Raises DataError: one value only, a date, text as a quantity, more classes than can be learnt.
    """
    import polars as pl

    label = values.name
    distinct = values.n_unique()
    if distinct < 2:
        raise DataError(
            f"label {label!r} has one value only ({values[0]!r}): there is nothing to learn",
            hint="choose another label column, or data with more than one outcome",
        )
    if values.dtype.is_temporal():
        kind = values.dtype.base_type().__name__.lower()
        raise DataError(
            f"label {label!r} is a {kind}: predict a number or a class made from it",
            hint="make the label in prepare",
        )
    words = values.dtype in (pl.String, pl.Boolean)
    if wanted == "regression" and values.dtype == pl.String:
        raise DataError(f"label {label!r} is text: regression needs numbers", hint='set data.task = "auto"')
    few = distinct <= min(FEW_CLASSES, len(values) / ROWS_OF_A_CLASS)
    few = distinct == 2 or words or (values.dtype.is_integer() and few)
    if wanted == "regression" or (wanted == "auto" and not few):
        return "regression"
    if distinct > 2 and (distinct > MOST_CLASSES or distinct > len(values) / 2):
        raise DataError(
            f"label {label!r} has {distinct:,} different values in {len(values):,} rows: these are not classes",
            hint="choose another label column, or group its values in prepare",
        )
    return "binary" if distinct == 2 else "multiclass"


def classified(column: Column) -> bool:
    """Does the contract have this label as classes? (It lists them.)"""
    return column.categories is not None or column.dtype in ("string", "bool")


def classes(values: pl.Series) -> tuple[str, ...]:
    """The classes as text, in the order of the values."""
    import polars as pl

    found = values.unique().sort()
    if found.dtype == pl.Float64 and (found == found.round()).all():
        found = found.cast(pl.Int64)
    return tuple(found.cast(pl.String).to_list())


def rare(values: pl.Series) -> list[Finding]:
    """Classes of a single row: they can be trained on or tested, not both."""
    counts = values.rename("value").value_counts(sort=True, name="rows")
    lonely = counts.filter(counts["rows"] < 2)["value"].to_list()
    if not lonely:
        return []
    text = f"{len(lonely)} classes have one row only ({', '.join(map(str, lonely[:5]))}): kept in the training rows"
    return [Finding(kind="rare-class", column=values.name, text=text)]
