"""The same metrics by group: where a model is worse than its average says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.domain.records import SliceMetric, Task
from toolkit.quality.bins import is_null
from toolkit.quality.metrics import evaluate

GROUPS = 20  # of a column; the rest are reported together as "(other)"
FEWEST = 20  # rows; metrics of fewer say little and may point at a person


def by_slice(
    task: Task,
    y_true: Iterable[Any],
    prediction: Iterable[Any],
    probabilities: Any,
    classes: Sequence[str],
    slices: Mapping[str, Iterable[Any]],
    *,
    fewest: int = FEWEST,
) -> tuple[SliceMetric, ...]:
    """`slices`: column name -> its value in each row. Numbers with many values are cut at their quartiles.

    Groups are sorted by column as given, then by rows, most first. Raises DataError as `evaluate` does.
    """
    truth = np.array(list(y_true), dtype=object)
    answer = np.array(list(prediction), dtype=object)
    chances = None if probabilities is None else np.asarray(probabilities, dtype=np.float64)
    found = []
    for column, values in slices.items():
        for name, rows in groups(list(values)).items():
            if len(rows) < fewest:
                continue
            part = None if chances is None else chances[rows]
            metrics = evaluate(task, truth[rows], answer[rows], part, classes)
            found.append(SliceMetric(column=column, value=name, rows=len(rows), metrics=metrics))
    return tuple(found)


def groups(values: Sequence[Any]) -> dict[str, npt.NDArray[np.intp]]:
    """Group name -> row numbers, largest first."""
    names = _quartiles(values) or ["(null)" if is_null(value) else str(value) for value in values]
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append(row)
    ranked = sorted(rows, key=lambda name: (-len(rows[name]), name))
    for name in ranked[GROUPS:]:
        rows.setdefault("(other)", []).extend(rows.pop(name))
    kept = [*ranked[:GROUPS], *(["(other)"] if "(other)" in rows and len(ranked) > GROUPS else [])]
    return {name: np.array(sorted(rows[name]), dtype=np.intp) for name in kept}


def _quartiles(values: Sequence[Any]) -> list[str]:
    """Quarter names of numbers with more values than groups; nothing for any other column."""
    present = [value for value in values if not is_null(value)]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in present)
    if not numeric or len(set(present)) <= GROUPS:
        return []
    cuts = np.unique(np.quantile(np.array(present, dtype=np.float64), (0.25, 0.5, 0.75))).tolist()
    bounds = [f"<= {cuts[0]:.6g}", *(f"({a:.6g}, {b:.6g}]" for a, b in pairwise(cuts))]
    bounds.append(f"> {cuts[-1]:.6g}")
    return ["(null)" if is_null(v) else bounds[int(np.searchsorted(cuts, v, side="left"))] for v in values]
