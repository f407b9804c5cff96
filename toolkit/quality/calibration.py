"""What share of rows with a given score really had the class: an isotonic table over the score's own cells.

Fitted once by training on held-out labelled rows; a check then needs no rows, only the counts of scores. 256 cells of
counts instead of rows change an estimated accuracy by less than 0.0005.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.domain.records import Task
from toolkit.quality.baseline import GRID, MAX_CLASSES
from toolkit.quality.bins import Bins, Numbers
from toolkit.quality.metrics import class_indexes
from toolkit.quality.vector import NumberColumn, Scores

LABELLED = 100  # rows: with fewer a table says more about chance than about the model


def tables(
    scores: Scores, labels: Any, task: Task, classes: Sequence[str], prediction: Bins | None
) -> tuple[tuple[float, ...], ...]:
    """One table for binary, one a class for multiclass, none for regression, without labels or with too few."""
    if task == "regression" or labels is None or scores.values is None or scores.rows < LABELLED:
        return ()
    truth = class_indexes(labels, classes)
    if isinstance(prediction, Numbers):
        return (table(prediction, scores.values, truth == len(classes) - 1),)
    if len(classes) > MAX_CLASSES:
        return ()
    grid = Numbers("", GRID)
    return tuple(table(grid, scores.values[:, i], truth == i) for i in range(len(classes)))


def table(bins: Numbers, scores: npt.NDArray[np.float64], hits: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Share of hits in each cell but the null one: never falling, straight lines over cells that have no row."""
    cells = NumberColumn(bins).cells(scores)
    size = bins.size - 1
    rows = np.bincount(cells, minlength=bins.size)[:size]
    positive = np.bincount(cells, weights=hits.astype(np.float64), minlength=bins.size)[:size]
    held = np.nonzero(rows)[0]
    if not len(held):
        return (0.0,) * size
    shares = isotonic((positive[held] / rows[held]).tolist(), rows[held].tolist())
    return tuple(np.interp(np.arange(size), held, shares).tolist())


def isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The nearest never-falling sequence (weighted least squares): neighbours that fall are pooled."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values, weights, strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, mass, length = blocks.pop()
            both = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / both, both, length + block[2])
        blocks.append(block)
    return [mean for mean, _, length in blocks for _ in range(length)]
