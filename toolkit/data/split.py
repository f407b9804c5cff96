"""Train and test, the same rows on every machine: nothing here depends on a library's hash or on row order.

- `time`: everything after a cut is test. The cut lies between two event times, so that ties stay on one side, and is
  the one whose share is nearest to what was asked.
- `random`: rows are put in an order by a hash of their own values and the seed, class by class, and the first share is
  test. Equal rows have equal hashes, so they stay on one side. A row that was test before more data came is test
  again, but for the few at the edge.

Where most rows of a table repeat others (four categories over a thousand people), repeats are not copies of a record,
and a split that kept them together would have nothing to cut: there, and only there, equal rows are split one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.data import labels, rowhash
from toolkit.domain.config import SplitConfig
from toolkit.domain.errors import ConfigError, DataError
from toolkit.domain.records import Column, Schema, Split

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Mask = np.ndarray[Any, np.dtype[np.bool_]]

REPEATED_BY_NATURE = 0.5


def resolve(config: SplitConfig, schema: Schema) -> Split:
    """`auto` is by time where the schema has an event time. ConfigError for `time` without one."""
    timed = bool(schema.of_role("time"))
    if config.kind == "time" and not timed:
        raise ConfigError('data.split.kind is "time", but there is no event time column', hint="set data.time")
    kind = "time" if config.kind == "time" or (config.kind == "auto" and timed) else "random"
    return Split(kind="time" if kind == "time" else "random", test=config.test, seed=config.seed)


def split(frame: pl.DataFrame, how: Split, schema: Schema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(train, test), rows in the order of `frame`. Every row has a label.

    Raises DataError: a side would be empty or know one class only, or the training rows know too many.
    """
    label = schema.of_role("label")[0]
    test = _by_time(frame, how, schema) if how.kind == "time" else _by_hash(frame, how, schema, label)
    parts = frame.filter(~test), frame.filter(test)
    _require_both(parts, how, label)
    return parts


def identity(schema: Schema) -> list[str]:
    """What makes two rows the same: features, label and event time."""
    return [c.name for role in ("feature", "label", "time") for c in schema.of_role(role)]


def repeats(hashes: Any) -> bool:
    """Are most rows repeats of another?"""
    import numpy as np

    distinct = 1 + np.count_nonzero(np.diff(np.sort(hashes)))
    return bool(distinct < REPEATED_BY_NATURE * len(hashes))


def _by_time(frame: pl.DataFrame, how: Split, schema: Schema) -> pl.Series:
    name = schema.of_role("time")[0].name
    moments = frame[name]
    if moments.null_count():
        raise DataError(
            f"event time {name!r} is missing in {moments.null_count():,} rows",
            hint="fill it in prepare, or unset data.time",
        )
    counted = moments.rename("moment").value_counts(name="rows").sort("moment")
    if len(counted) < 2:
        raise DataError(
            f"every row has the same event time {moments[0]}: nothing lies after a cut",
            hint='set data.split.kind = "random"',
        )
    after = len(frame) - counted["rows"].cum_sum()
    best = (after.head(len(after) - 1) - how.test * len(frame)).abs().arg_min()
    test: pl.Series = moments > counted["moment"][best if best is not None else 0]
    return test


def _by_hash(frame: pl.DataFrame, how: Split, schema: Schema, label: Column) -> pl.Series:
    import numpy as np
    import polars as pl

    hashes = rowhash.row_hashes(frame, identity(schema))
    if repeats(hashes):
        hashes = rowhash.mixed(hashes ^ rowhash.mixed(_occurrence(hashes)))
    order = rowhash.seeded(hashes, how.seed)
    test = np.zeros(len(frame), dtype=bool)
    strata = _strata(frame[label.name]) if labels.classified(label) else [np.arange(len(frame))]
    for rows in strata:
        test[rows] = _first_share(order[rows], how.test)
    return pl.Series(test)


def _occurrence(hashes: Any) -> Any:
    """For each row, how many equal rows came before it, plus one."""
    import numpy as np

    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    lengths = np.diff(np.append(starts, len(ordered)))
    numbers = np.empty(len(hashes), dtype=np.uint64)
    numbers[order] = np.arange(len(ordered)) - np.repeat(starts, lengths) + 1
    return numbers


def _strata(values: pl.Series) -> list[Any]:
    """Row numbers of each class."""
    import numpy as np

    codes = values.rank("dense").to_numpy()
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _first_share(order: Any, share: float) -> Mask:
    """Which rows are test: the first groups of equal order whose size is nearest to the share; never all groups."""
    import numpy as np

    ordered = np.sort(order)
    starts = np.flatnonzero(np.diff(ordered)) + 1  # where a group begins that is not the first
    if not len(starts):
        return np.zeros(len(order), dtype=bool)
    cut = starts[np.abs(starts - share * len(order)).argmin()]
    mask: Mask = order < ordered[cut]
    return mask


def _require_both(parts: tuple[pl.DataFrame, pl.DataFrame], how: Split, label: Column) -> None:
    for side, rows in zip(("training", "test"), parts, strict=True):
        if rows.is_empty():
            raise DataError(f"the split leaves no {side} rows", hint="more rows are needed, or another data.split.test")
        values = rows[label.name]
        if labels.classified(label) and values.n_unique() < 2:
            hint = 'set data.split.kind = "random"' if how.kind == "time" else "rows of the other classes are needed"
            text = f"all {len(rows):,} {side} rows have the same {label.name!r} ({values[0]})"
            raise DataError(f"{text}: nothing could be {'learnt' if side == 'training' else 'measured'}", hint=hint)
    if labels.classified(label):
        labels.task_of(parts[0][label.name], "classification")
