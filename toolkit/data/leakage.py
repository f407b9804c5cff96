"""Gates against a test score that is too good to be true: shared rows, time travel, a feature that is the answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from toolkit.data import giveaway, labels, rowhash, split
from toolkit.domain.errors import GateFailed
from toolkit.domain.records import Schema, Split

if TYPE_CHECKING:
    import polars as pl


def check(
    frame: pl.DataFrame,
    parts: tuple[pl.DataFrame, pl.DataFrame],
    how: Split,
    schema: Schema,
    *,
    trusted: Collection[str] = (),
) -> dict[str, Any]:
    """What was measured, as JSON values. `parts` are train and test of `frame`.

    Raises GateFailed: which gate, which column, the value and the limit.
    """
    shared = overlap(*parts, schema)
    if how.kind == "time":
        time_order(*parts, schema.of_role("time")[0].name)
    return {"shared_rows": shared, "strongest_feature": single_feature(frame, schema, trusted=trusted)}


def overlap(train: pl.DataFrame, test: pl.DataFrame, schema: Schema) -> int:
    """Test rows that are training rows too; 0, or GateFailed. Not judged (-1) where repeats are the table's nature."""
    import numpy as np
    import polars as pl

    columns = split.identity(schema)
    seen, asked = rowhash.row_hashes(train, columns), rowhash.row_hashes(test, columns)
    if split.repeats(np.concatenate([seen, asked])):
        return -1
    shared = int(pl.Series(asked).is_in(pl.Series(seen).implode()).sum())
    if shared:
        raise GateFailed(
            f"row overlap: {shared:,} of {len(test):,} test rows are training rows too (limit 0)",
            hint="drop repeated rows in prepare",
        )
    return shared


def time_order(train: pl.DataFrame, test: pl.DataFrame, time: str) -> None:
    """GateFailed unless every test row happened after every training row."""
    last: Any = train[time].max()
    first: Any = test[time].min()
    if last is None or first is None or last >= first:
        raise GateFailed(
            f"time order: training rows reach {last}, test rows begin at {first}: the test must lie after the training",
            hint="toolkit data ingest cuts by data.time",
        )


def single_feature(frame: pl.DataFrame, schema: Schema, *, trusted: Collection[str] = ()) -> dict[str, Any]:
    """The feature that alone tells most of the label. GateFailed where that is nearly everything."""
    column = schema.of_role("label")[0]
    label = column.name
    task = labels.task_of(frame[label], "classification" if labels.classified(column) else "regression")
    features = [c.name for c in schema.of_role("feature")]
    found = giveaway.strengths(frame, features, label, task)
    for name, strength in found.items():
        if strength.refused and name not in trusted:
            raise GateFailed(
                f"feature {name!r} gives the label away: {strength} (limit {strength.limit})",
                hint=f'add "{name}" to data.ignore; if it is honest and known beforehand, to data.trusted',
            )
    name = max(found, key=lambda n: found[n].value)
    return {"column": name, "measure": found[name].measure, "value": round(found[name].value, 4)}
