"""Does one feature give the label away? A copy of it, its code, a near copy, or something known only afterwards.

Each feature is asked alone, on at most 20,000 rows, how well it tells the label of rows it has not seen:

- classes: share of the errors of guessing the largest class that it removes (majority of the other rows with the same
  value, or of the nearest rows for numbers), and for two classes the area under the ROC curve of its order;
- quantities: R2 of the others of its value, or of the line between its neighbours; and rank correlation, which finds
  monotone re-encodings.

Whether a value is missing is asked as well: a refund date exists only once there was a refund.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.domain.errors import missing_extra
from toolkit.domain.records import Task

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    Array = np.ndarray[Any, Any]

ROWS = 20_000
FEWEST_ROWS = 20
FEWEST_OF_A_CLASS = 5
_WINDOW = 2
# measure: (limit of the gate, stricter limit at which `init` leaves a column out)
LIMITS = {
    "AUC": (0.995, 0.99),
    "share of errors removed": (0.98, 0.97),
    "R2": (0.9995, 0.999),
    "rank correlation": (0.9999, 0.9998),
}


@dataclass(frozen=True)
class Strength:
    """`value` of `measure`, 1.0 being certain."""

    measure: str
    value: float

    @property
    def refused(self) -> bool:
        return self.value >= LIMITS[self.measure][0]

    @property
    def left_out(self) -> bool:
        return self.value >= LIMITS[self.measure][1]

    @property
    def limit(self) -> float:
        return LIMITS[self.measure][0]

    def __str__(self) -> str:
        return f"{self.measure} {self.value:.4f} alone"


NONE = Strength("R2", 0.0)


def strengths(frame: pl.DataFrame, features: list[str], label: str, task: Task) -> dict[str, Strength]:
    """How well each feature alone tells the label: its measure nearest to the limit. Deterministic."""
    try:
        import numpy as np
    except ImportError as error:
        raise missing_extra("numpy", "data") from error

    order = np.random.default_rng(0).permutation(len(frame))[:ROWS]  # ties must not keep the order of the file
    sample = frame.select(*features, label)[order]
    if len(sample) < FEWEST_ROWS:
        return dict.fromkeys(features, NONE)
    target = _codes(sample[label]) if task != "regression" else sample[label].cast(float).to_numpy()
    return {name: _strongest(_measures(sample[name], target, task)) for name in features}


def _strongest(found: list[Strength]) -> Strength:
    """By what is left to certainty, in units of the limit's own distance to it."""
    return min(found, key=lambda s: (1 - s.value) / (1 - s.limit), default=NONE)


def _measures(feature: pl.Series, target: Array, task: Task) -> list[Strength]:
    import numpy as np

    missing = feature.is_null().to_numpy()
    found = []
    if 0 < missing.sum() < len(missing) and task != "regression":
        found.append(_classified(missing.astype(np.int64), target, ordered=False))
    if str(feature.dtype) == "String":
        codes = _codes(feature)
        return [*found, _valued(codes, target) if task == "regression" else _classified(codes, target, ordered=False)]
    numbers, kept = _numbers(feature)[~missing], target[~missing]
    if len(numbers) < max(FEWEST_ROWS, len(missing) / 2):
        return found
    if task == "regression":
        return [*found, _valued(numbers, kept), *_ranked(numbers, kept)]
    found.append(_classified(numbers, kept, ordered=True))
    if task == "binary":
        found += _ordered(numbers, kept)
    return found


def _numbers(feature: pl.Series) -> Array:
    import polars as pl

    physical = feature.to_physical() if feature.dtype.is_temporal() else feature
    return physical.cast(pl.Float64).to_numpy()


def _codes(values: pl.Series) -> Array:
    return values.rank("dense").fill_null(0).cast(int).to_numpy()


def _classified(feature: Array, target: Array, *, ordered: bool) -> Strength:
    """1 - errors / errors of the largest class, each row told by the others."""
    import numpy as np

    classes, target = np.unique(target, return_inverse=True)
    totals = np.bincount(target)
    largest = int(totals.argmax())
    errors_before = len(target) - int(totals.max())
    if len(classes) < 2 or errors_before < FEWEST_OF_A_CLASS:
        return Strength("share of errors removed", 0.0)
    values, group = np.unique(feature, return_inverse=True)
    if ordered and len(values) > len(feature) / 5:
        votes = _neighbour_votes(feature, target, len(classes))
    else:
        counts = np.zeros((len(values), len(classes)), dtype=np.int32)
        np.add.at(counts, (group, target), 1)
        votes = counts[group]
        votes[np.arange(len(target)), target] -= 1
    told = np.where(votes.sum(axis=1) > 0, votes.argmax(axis=1), largest)
    return Strength("share of errors removed", 1 - int((told != target).sum()) / errors_before)


def _neighbour_votes(feature: Array, target: Array, classes: int) -> Array:
    """How often each class occurs among the two rows before and after, in the feature's order."""
    import numpy as np

    order = np.argsort(feature, kind="stable")
    one = np.eye(classes, dtype=np.int32)[target[order]]
    votes = np.zeros_like(one)
    for step in range(1, _WINDOW + 1):
        votes[step:] += one[:-step]
        votes[:-step] += one[step:]
    back = np.empty_like(votes)
    back[order] = votes
    return back


def _ordered(feature: Array, target: Array) -> list[Strength]:
    import numpy as np

    upper = target == target.max()
    above, below = int(upper.sum()), int((~upper).sum())
    if min(above, below) < FEWEST_OF_A_CLASS:
        return []
    area = (_ranks(feature)[upper].sum() - above * (above + 1) / 2) / (above * below)
    return [Strength("AUC", float(max(area, 1 - area)))] if np.isfinite(area) else []


def _ranks(values: Array) -> Array:
    """1-based, equal values share their mean rank."""
    import numpy as np

    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


def _valued(feature: Array, target: Array) -> Strength:
    """R2 of the other rows of the same value where values repeat, else of the line between the nearest values."""
    import numpy as np

    values, group, counts = np.unique(feature, return_inverse=True, return_counts=True)
    sums = np.bincount(group, weights=target)
    repeated = counts[group] > 1
    if repeated.mean() > 0.5:
        told = (sums[group] - target) / np.maximum(counts[group] - 1, 1)
        return _r2(target[repeated], told[repeated])
    if len(values) < FEWEST_ROWS or feature.dtype.kind != "f":
        return NONE
    means = sums / counts
    share = (values[1:-1] - values[:-2]) / (values[2:] - values[:-2])
    line = np.full(len(values), np.nan)
    line[1:-1] = means[:-2] + share * (means[2:] - means[:-2])
    told = line[group]
    inner = np.isfinite(told)
    return _r2(target[inner], told[inner])


def _r2(target: Array, told: Array) -> Strength:
    spread = ((target - target.mean()) ** 2).sum() if len(target) else 0.0
    return Strength("R2", float(1 - ((target - told) ** 2).sum() / spread)) if spread > 0 else NONE


def _ranked(feature: Array, target: Array) -> list[Strength]:
    import numpy as np

    if len(np.unique(feature)) < FEWEST_ROWS or len(np.unique(target)) < FEWEST_ROWS:
        return []
    return [Strength("rank correlation", float(abs(np.corrcoef(_ranks(feature), _ranks(target))[0, 1])))]
