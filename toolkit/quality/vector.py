"""Counting many rows at once, with numpy. Used by training, by the batch path, and by a counter where numpy is loaded.

A value's cell is found by a table of equal steps between the outer edges: where a step holds no edge, its cell is known
at once (about 4 ns a value against 50 of a binary search); in a step with edges the value is compared with these. No
float operation on the way to the step reverses an order, so the cells are exactly those of `bisect_left`.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.domain.errors import DataError
from toolkit.domain.records import Task
from toolkit.quality.bins import Bins, Categories, Numbers, is_null, number, offsets
from toolkit.quality.profile import Moments

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Places = npt.NDArray[np.intp]
STEPS = 1 << 14
TABLE_FROM = 4096  # values; below, searching all is cheaper than the table
MAX_WALK = 6  # edges in one step


def numbers(values: Any) -> Floats:
    """Float64, one value a row; NaN for None and whatever is no number. Shape [rows] or [rows, 1] is read."""
    if isinstance(values, list | tuple):
        try:
            return np.asarray(array("d", values))
        except (TypeError, OverflowError):
            return np.array([number(value) for value in values], dtype=np.float64)
    read = np.asarray(values)
    if read.dtype.kind in "fiub":
        return read.reshape(-1).astype(np.float64, copy=False)
    return numbers(read.reshape(-1).tolist())


def texts(values: Any) -> list[Any]:
    if isinstance(values, list | tuple):
        return list(values)
    return list(np.asarray(values).reshape(-1).tolist())


def nulls(values: Any) -> npt.NDArray[np.bool_]:
    """True where a date or time is missing."""
    read = np.asarray(values) if not isinstance(values, list | tuple) else np.empty(0, dtype=object)
    if read.dtype.kind in "mM":
        return np.asarray(np.isnat(read.reshape(-1)))
    return np.array([is_null(value) for value in texts(values)], dtype=bool)


def prepared(bins: Bins, values: Any) -> Any:
    """The form in which a column of these bins is counted."""
    if isinstance(bins, Numbers):
        return numbers(values)
    return texts(values) if isinstance(bins, Categories) else nulls(values)


class Scores(NamedTuple):
    """Answers of a model: [rows] for binary (probability of the last class) and regression, [rows, classes] else."""

    values: Floats | None
    classes: tuple[str, ...] = ()

    @classmethod
    def read(cls, scores: Any, task: Task, classes: Sequence[str]) -> Scores:
        """Raises DataError when the shape does not fit the task."""
        if scores is None:
            return cls(None)
        if task != "multiclass":
            read = scores if isinstance(scores, list | tuple) else np.asarray(scores)
            if isinstance(read, np.ndarray) and read.ndim == 2 and read.shape[1] == 2 and task == "binary":
                read = read[:, 1]
            return cls(numbers(read))
        if not isinstance(scores, np.ndarray):
            scores = [[np.nan] * len(classes) if row is None else row for row in scores]
        try:
            table = np.array(scores, dtype=np.float64).reshape(len(scores), -1 if len(scores) else len(classes))
        except (TypeError, ValueError) as error:
            raise DataError(f"scores are no table of probabilities: {error}") from error
        if table.shape[1] != len(classes):
            raise DataError(f"scores have {table.shape[1]} probabilities a row, the model has {len(classes)} classes")
        table[np.isnan(table).any(axis=1)] = np.nan
        return cls(table, tuple(classes))

    @property
    def rows(self) -> int:
        return 0 if self.values is None else len(self.values)

    @property
    def chosen(self) -> npt.NDArray[np.int64]:
        """Multiclass: index of the predicted class, -1 where there is no score."""
        assert self.values is not None
        return np.where(np.isnan(self.values[:, 0]), -1, np.argmax(self.values, axis=1))

    def take(self, rows: npt.NDArray[np.int64]) -> Scores:
        return self if self.values is None else Scores(self.values[rows], self.classes)


class _Table(NamedTuple):
    """Equal steps from the first edge on, and the cell of each: the number n of edges below it.

    It is ~n (negative) where edges lie in the step, and ~(more than there are edges) where too many to walk do.
    """

    first: float
    scale: float
    cells: Places

    def steps(self, values: Floats) -> Places:
        steps = values - self.first
        steps *= self.scale
        np.clip(steps, 0, STEPS - 1, out=steps)
        return steps.astype(np.intp)


class NumberColumn:
    """Counts the values of one numeric column."""

    def __init__(self, bins: Numbers) -> None:
        self.bins = bins
        self.edges = np.array(bins.edges, dtype=np.float64)

    def cells(self, values: Floats) -> npt.NDArray[np.intp]:
        """The cell of each value, NaN included."""
        found = np.searchsorted(self.edges, values, side="left")
        return np.where(np.isnan(values), self.bins.size - 1, found)

    def count(self, values: Floats) -> tuple[Counts, Moments]:
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(values.sum())
            finite = present = values
            if not np.isfinite(total):
                present = values[~np.isnan(values)]
                finite = present[np.isfinite(present)]
                total = float(finite.sum())
            counts = np.zeros(self.bins.size, dtype=np.int64)
            counts[:-1] = np.bincount(self._places(present), minlength=self.bins.size - 1)
            counts[-1] = len(values) - len(present)
            return counts, self._moments(finite, total, counts)

    def _places(self, values: Floats) -> Places:
        """As `searchsorted` with side left, of values that are not NaN."""
        if len(values) < TABLE_FROM or self._table is None:
            return np.searchsorted(self.edges, values, side="left")
        places = self._table.cells.take(self._table.steps(values), mode="wrap")
        unsure = np.nonzero(places < 0)[0]
        if len(unsure):
            own, found = values[unsure], ~places[unsure]
            crowd = np.nonzero(found > len(self.edges))[0]
            found[crowd] = np.searchsorted(self.edges, own[crowd], side="left")
            while (up := own > self._closed.take(found, mode="wrap")).any():  # walk up: few edges share the step
                found += up
            places[unsure] = found
        return places

    @cached_property
    def _closed(self) -> Floats:
        return np.append(self.edges, np.inf)

    @cached_property
    def _table(self) -> _Table | None:
        """None where floats cannot hold the steps."""
        if len(self.edges) < 2:
            return None
        with np.errstate(over="ignore", divide="ignore"):
            scale = float(np.float64(STEPS - 2) / (self.edges[-1] - self.edges[0]))
        if not np.isfinite(scale) or scale <= 0.0:
            return None
        table = _Table(float(self.edges[0]), scale, np.empty(0, np.intp))
        held = np.bincount(table.steps(self.edges), minlength=STEPS)
        below = np.cumsum(held) - held
        unsure = np.where(held <= MAX_WALK, ~below, ~(len(self.edges) + 1))
        return table._replace(cells=np.where(held == 0, below, unsure).astype(np.intp))

    def _moments(self, finite: Floats, total: float, counts: Counts) -> Moments:
        if not len(finite):
            return Moments()
        low = high = 0.0
        if len(self.edges):
            if counts[0]:
                low = float((self.edges[0] - finite[finite <= self.edges[0]]).sum())
            if counts[len(self.edges)]:
                high = float((finite[finite > self.edges[-1]] - self.edges[-1]).sum())
        squares = float(np.einsum("i,i", finite, finite))  # not BLAS: its threads spin
        return Moments(total, squares, float(finite.min()), float(finite.max()), low, high)


class CategoryColumn:
    """Counts the values of one text or boolean column."""

    def __init__(self, bins: Categories) -> None:
        self.bins = bins
        self.known = bins.cells()

    def cell(self, value: Any) -> int:
        try:
            found = self.known.get(value)
        except TypeError:  # a list or a dict
            return self.bins.default
        if found is None:
            return self.bins.size - 1 if is_null(value) else self.bins.default
        return found

    def cells(self, values: Sequence[Any]) -> npt.NDArray[np.intp]:
        return np.array([self.cell(value) for value in values], dtype=np.intp)

    def count(self, values: Sequence[Any]) -> Counts:
        counts = np.zeros(self.bins.size, dtype=np.int64)
        try:
            for value, times in Counter(values).items():
                counts[self.cell(value)] += times
        except TypeError:
            np.add.at(counts, self.cells(values), 1)
        return counts


class PresenceColumn:
    def cells(self, missing: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
        return missing.astype(np.intp)

    def count(self, missing: npt.NDArray[np.bool_]) -> Counts:
        absent = int(missing.sum())
        return np.array([len(missing) - absent, absent], dtype=np.int64)


Column = NumberColumn | CategoryColumn | PresenceColumn


def column(bins: Bins) -> Column:
    if isinstance(bins, Numbers):
        return NumberColumn(bins)
    return CategoryColumn(bins) if isinstance(bins, Categories) else PresenceColumn()


class Tally:
    """Counts and sums of all columns of a baseline: features, then the prediction, then the classes' chances."""

    def __init__(self, features: Sequence[Bins], prediction: Bins | None, chances: Sequence[Numbers]) -> None:
        self.features, self.prediction, self.chances = tuple(features), prediction, tuple(chances)
        self.bins: tuple[Bins, ...] = (*self.features, *([prediction] if prediction else []), *self.chances)
        self.offsets = offsets(self.bins)
        self.columns = [column(bins) for bins in self.bins]
        self.reset()

    def reset(self) -> None:
        self.rows = 0
        self.counts: Counts = np.zeros(self.offsets[-1], dtype=np.int64)
        shown = len(self.features) + (self.prediction is not None)
        self.sums = {i: Moments() for i, c in enumerate(self.columns[:shown]) if isinstance(c, NumberColumn)}

    def add(self, frame: Mapping[str, Any], scores: Scores) -> None:
        """Count rows: `frame` holds each feature's values as `prepared` makes them."""
        for index, bins in enumerate(self.features):
            self.put(index, frame[bins.name])
        self.rows += max((len(frame[bins.name]) for bins in self.features[:1]), default=scores.rows)
        self.add_scores(scores)

    def add_scores(self, scores: Scores) -> None:
        """Count the answers to rows whose features are counted apart."""
        if self.prediction is None or scores.values is None:
            return
        index = len(self.features)
        if isinstance(self.prediction, Numbers):
            self.put(index, scores.values)
            return
        chosen = scores.chosen
        found = np.bincount(np.where(chosen < 0, self.prediction.size - 1, chosen), minlength=self.prediction.size)
        self.add_counts(index, found)
        for label in range(len(self.chances) // 2):
            for side, rows in enumerate((chosen != label, chosen == label)):
                self.put(index + 1 + 2 * label + side, scores.values[rows, label])

    def values(self, frame: Mapping[str, Any], scores: Scores) -> list[Any]:
        """Of each feature and of the prediction, in order; a prediction among classes as its class's position."""
        found = [frame[bins.name] for bins in self.features]
        if self.prediction is not None:
            found.append(scores.values if isinstance(self.prediction, Numbers) else scores.chosen)
        return found

    def put(self, index: int, values: Any) -> None:
        """Count values of the column at `index`."""
        counter = self.columns[index]
        if isinstance(counter, NumberColumn):
            counts, moments = counter.count(values)
            if index in self.sums:
                self.sums[index] = self.sums[index].plus(moments)
        else:
            counts = counter.count(values)
        self.add_counts(index, counts)

    def add_counts(self, index: int, counts: Counts) -> None:
        start = self.offsets[index]
        self.counts[start : start + len(counts)] += counts

    @property
    def moments(self) -> list[Moments]:
        return list(self.sums.values())


def scale(values: Any) -> float:
    """Standard deviation of a numeric column's finite values; 0 for any other column."""
    if not isinstance(values, np.ndarray) or values.dtype != np.float64:
        return 0.0
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.nan_to_num(finite.std(), posinf=0.0)) if len(finite) else 0.0


def aligned(columns: Mapping[str, Any], kinds: Sequence[Bins | Any]) -> dict[str, Any]:
    """The named columns, prepared. Raises DataError for a missing column or one of another length."""
    frame: dict[str, Any] = {}
    for bins in kinds:
        if bins.name not in columns:
            raise DataError(f"column {bins.name!r} is missing; there are {', '.join(sorted(columns)) or 'none'}")
        frame[bins.name] = prepared(bins, columns[bins.name])
    lengths = {name: len(values) for name, values in frame.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"columns differ in length: {lengths}")
    return frame
