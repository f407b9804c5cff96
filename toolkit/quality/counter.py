"""Counting live rows into a baseline's cells, inside the inference function.

One row is bisect and a dictionary: about one `json.loads` of the row, no numpy, and never an exception for a value
(what is no number counts as null, what is no known category as unseen). Many rows at once go through numpy where the
process has loaded it anyway. Memory is one vector of counts, however many rows are counted.
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite, isnan, nan
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.domain.errors import DataError
from toolkit.quality.baseline import Baseline
from toolkit.quality.bins import Categories, Numbers, Presence, argmax, is_null, number
from toolkit.quality.profile import Moments, encode

if TYPE_CHECKING:
    from toolkit.quality.vector import Tally

MANY = 50  # rows; from here on numpy is faster than a loop

Score = float | Sequence[float] | None


class Totals(NamedTuple):
    """Since the counter was made: rows, and values of features."""

    rows: int = 0
    nulls: int = 0
    unseen: int = 0
    out_of_range: int = 0


class _Number(NamedTuple):
    """A numeric column: where its value is, its edges, its first cell, its overflow cell, its running Moments."""

    place: int
    edges: list[float]
    start: int
    over: int
    sums: list[float]


class _Text(NamedTuple):
    place: int
    cell: Callable[[Any], int | None]
    default: int
    null: int


class Counter:
    """Counts rows until `take` hands them over. All methods may be called from many threads."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self._lock = Lock()
        self._before = Totals()
        self._tally: Tally | None = None
        self._width = len(baseline.features)
        self._placed = list(zip(baseline.columns, baseline.offsets, strict=False))
        self._clear()
        self._texts = [
            _Text(i, kind.cells(start).get, start + kind.default, start + kind.size - 1)
            for i, (kind, start) in enumerate(self._placed[: self._width])
            if isinstance(kind, Categories)
        ]
        self._times = [(i, start) for i, (kind, start) in enumerate(self._placed) if isinstance(kind, Presence)]

    def _clear(self) -> None:
        self._rows = 0
        self._counts = [0] * self.baseline.size
        found = [
            _Number(i, list(kind.edges), start, kind.over, [0.0, 0.0, inf, -inf, 0.0, 0.0])
            for i, (kind, start) in enumerate(self._placed)
            if isinstance(kind, Numbers)
        ]
        self._numbers = [entry for entry in found if entry.place < self._width]
        self._score = next((entry for entry in found if entry.place == self._width), None)
        if self._tally is not None:
            self._tally.reset()

    @property
    def rows(self) -> int:
        """Rows counted since the last `take`."""
        return self._rows + (self._tally.rows if self._tally else 0)

    def add_row(self, values: Sequence[Any], score: Score = None) -> None:
        """Count one row: `values` in the order of the features, as they came over the wire (not cut to float32).

        `score`: probability of the last class, one a class, or the predicted value. Raises DataError for another
        number of values than there are features, never for a value.
        """
        if len(values) != self._width:
            raise DataError(f"a row has {len(values)} values, the baseline {self._width} features")
        with self._lock:
            self._rows += 1
            self._add_numbers(values, self._numbers)
            self._add_texts(values)
            for index, start in self._times:
                self._counts[start + is_null(values[index])] += 1
            if self._score is not None:
                self._add_numbers({self._width: score}, (self._score,))
            elif self.baseline.prediction is not None:
                self._add_chances(score)

    def _add_numbers(self, values: Any, entries: Sequence[_Number]) -> None:
        counts = self._counts
        for index, edges, start, over, sums in entries:
            value = values[index]
            if value is None:
                counts[start + over + 1] += 1
                continue
            try:
                cell = bisect_left(edges, value)
                if 0 < cell < over:
                    sums[1] += value * value  # the first to fail where a value is no float after all
                    sums[0] += value
                    if value < sums[2]:
                        sums[2] = value
                    if value > sums[3]:
                        sums[3] = value
                    counts[start + cell] += 1
                    continue
            except (TypeError, OverflowError):
                pass
            self._add_outer(number(value), edges, start, over, sums)

    def _add_outer(self, value: float, edges: list[float], start: int, over: int, sums: list[float]) -> None:
        """Count a value that is null, infinite, beyond the outer edges or of a strange type."""
        if isnan(value):
            self._counts[start + over + 1] += 1
            return
        cell = bisect_left(edges, value)
        self._counts[start + cell] += 1
        if not isfinite(value):
            return
        sums[0] += value
        sums[1] += value * value
        sums[2] = min(sums[2], value)
        sums[3] = max(sums[3], value)
        if edges:
            sums[4] += max(0.0, edges[0] - value)
            sums[5] += max(0.0, value - edges[-1])

    def _add_texts(self, values: Sequence[Any]) -> None:
        counts = self._counts
        for index, cell, default, null in self._texts:
            try:
                found = cell(values[index])
            except TypeError:  # a list or an object
                found = default
            if found is None:
                found = null if is_null(values[index]) else default
            counts[found] += 1

    def _add_chances(self, score: Any) -> None:
        """Count the predicted class, and each class's probability on the side of predicted or not."""
        kind, start = self._placed[self._width]
        known = len(self.baseline.classes)
        chances = [number(p) for p in score] if hasattr(score, "__iter__") else []
        chosen = -1
        if len(chances) == known and not any(map(isnan, chances)):
            chosen = argmax(chances)
        else:
            chances = [nan] * known
        self._counts[start + (chosen if chosen >= 0 else kind.size - 1)] += 1
        places = self.baseline.offsets[self._width + 1 : -1]
        for label, (chance, bins) in enumerate(zip(chances, self.baseline.chances[::2], strict=False)):
            cell = bins.size - 1 if isnan(chance) else bisect_left(bins.edges, chance)
            self._counts[places[2 * label + (label == chosen)] + cell] += 1

    def add_columns(self, columns: Mapping[str, Any], scores: Any = None) -> None:
        """Count many rows: feature name -> array or list of its values, as `add_row` takes them; scores a row.

        Raises DataError for a missing column or lengths that differ.
        """
        missing = [kind.name for kind in self.baseline.features if kind.name not in columns]
        if missing:
            raise DataError(f"columns are missing: {', '.join(missing)}")
        shown = [columns[kind.name] for kind in self.baseline.features]
        rows = len(shown[0]) if shown else len(scores)
        if any(len(values) != rows for values in shown) or (scores is not None and len(scores) != rows):
            raise DataError(f"columns and scores differ in length: the first has {rows} rows")
        if rows >= MANY and "numpy" in sys.modules:
            self._add_arrays(columns, scores)
            return
        answers = [None] * rows if scores is None else _plain(scores)
        for values, score in zip(zip(*map(_plain, shown), strict=True) if shown else [()] * rows, answers, strict=True):
            self.add_row(values, score)

    def _add_arrays(self, columns: Mapping[str, Any], scores: Any) -> None:
        from toolkit.quality.vector import Scores, Tally, aligned

        baseline = self.baseline
        frame = aligned(columns, baseline.features)
        answers = Scores.read(scores, baseline.task, baseline.classes)
        with self._lock:
            if self._tally is None:
                self._tally = Tally(baseline.features, baseline.prediction, baseline.chances)
            self._tally.add(frame, answers)

    def take(self) -> bytes | None:
        """What was counted since the last time, as a profile's bytes, and begin anew. None where nothing was."""
        with self._lock:
            rows, counts, moments = self._snapshot()
            if not rows:
                return None
            self._before = self._counted(rows, counts)
            self._clear()
        return encode(self.baseline.name, rows, counts, moments)

    def totals(self) -> Totals:
        """Since the counter was made, what was taken included."""
        with self._lock:
            rows, counts, _ = self._snapshot()
            return self._counted(rows, counts)

    def _snapshot(self) -> tuple[int, list[int], list[Moments]]:
        entries = [*self._numbers, *([self._score] if self._score else [])]
        moments = [Moments(*entry.sums) for entry in entries]
        if self._tally is None or not self._tally.rows:
            return self._rows, self._counts, moments
        counts: list[int] = self._tally.counts.tolist()
        if not self._rows:
            return self._tally.rows, counts, self._tally.moments
        counts = [a + b for a, b in zip(self._counts, counts, strict=True)]
        return self.rows, counts, [a.plus(b) for a, b in zip(moments, self._tally.moments, strict=True)]

    def _counted(self, rows: int, counts: list[int]) -> Totals:
        nulls = unseen = outside = 0
        for kind, start in self._placed[: self._width]:
            nulls += counts[start + kind.size - 1]
            if isinstance(kind, Categories):
                unseen += counts[start + kind.unseen]
            elif isinstance(kind, Numbers) and kind.edges:
                outside += counts[start] + counts[start + kind.over]
        before = self._before
        return Totals(before.rows + rows, before.nulls + nulls, before.unseen + unseen, before.out_of_range + outside)


def _plain(values: Any) -> Sequence[Any]:
    """Rows as a list: an array of shape [rows] or [rows, 1] gives values, one of more columns gives lists."""
    rows = values.tolist() if hasattr(values, "tolist") else values
    if rows and isinstance(rows[0], list) and len(rows[0]) == 1:
        return [row[0] for row in rows]
    return list(rows)
