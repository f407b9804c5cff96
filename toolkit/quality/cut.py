"""Choosing a column's bins from its reference values. Runs once, in training, with numpy.

A numeric column gets about 256: each value that holds more than its share (an atom: the zeros of a zero-inflated
column, the integers of a count) is a bin of its own, and of what is left half are quantiles (so that KS is exact where
the mass is) and half are equally wide (so that Wasserstein-1 is exact in the tails). Edges are then moved, within a
quarter of the way to their neighbours, to the roundest binary fraction there, which makes them short to store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.domain.records import Feature, Task
from toolkit.quality.bins import Bins, Categories, Numbers, Presence, empty, is_null
from toolkit.quality.vector import Floats, Scores

BINS = 256
KEPT = 200  # categories
TOLERANCE = 1e-6  # how far from an atom, relative, still counts as it: float32 copies of a value do


def bins(feature: Feature, values: Any) -> Bins:
    """`values` as `vector.prepared` makes them for the feature's kind."""
    kind = empty(feature)
    if isinstance(kind, Numbers):
        return Numbers(feature.name, edges(values))
    if isinstance(kind, Presence):
        return kind
    if kind.boolean:
        return Categories(feature.name, ("false", "true"), boolean=True)
    return categories(feature.name, values)


def prediction_bins(name: str, scores: Scores, task: Task) -> Bins | None:
    """Classes where there are many, else numbers; a binary score is cut at one half, where the answer changes."""
    if scores.values is None:
        return None
    if task == "multiclass":
        return Categories(name, scores.classes)
    return Numbers(name, edges(scores.values, also=[0.5] if task == "binary" else []))


def categories(name: str, values: Sequence[Any]) -> Categories:
    """The most frequent values (of equals the first by name), in order of name."""
    counts = Counter(str(value) for value in values if not is_null(value))
    ranked = sorted(counts, key=lambda value: (-counts[value], value))
    return Categories(name, tuple(sorted(ranked[:KEPT])), closed=len(ranked) <= KEPT)


def edges(values: Floats, *, also: Sequence[float] = ()) -> tuple[float, ...]:
    """Rising edges; the outermost enclose every finite value. Empty without one. `also`: edges kept exactly."""
    ordered = np.sort(values[np.isfinite(values)])
    if not len(ordered):
        return ()
    starts = np.nonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))[0]
    distinct = ordered[starts]
    counts = np.diff(np.append(starts, len(ordered)))
    atoms = _atoms(counts)
    with np.errstate(over="ignore", invalid="ignore"):  # at the ends of what float64 holds
        low, high = _around(distinct, atoms)
        spread = _spread(distinct, counts, atoms)
        inside = ((spread[:, None] > low) & (spread[:, None] < high)).any(axis=1)
        found = np.unique(np.concatenate((spread[~inside], low, high, np.array(also, dtype=np.float64))))
        return tuple(np.unique(_rounded(found)).tolist())


def _atoms(counts: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Indexes of the distinct values with a bin of their own: all of a few, else the heavy ones and both ends."""
    if len(counts) <= BINS // 2:
        return np.arange(len(counts))
    heavy = counts * BINS > 2 * counts.sum()
    heavy[[0, -1]] = True
    return np.nonzero(heavy)[0]


def _around(distinct: Floats, atoms: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Edges close to both sides of each atom, nearer to it than to any other value."""
    gaps = np.concatenate(([np.inf], np.diff(distinct), [np.inf])) / 4
    scale = np.nan_to_num(distinct.std())
    near = TOLERANCE * np.maximum(np.abs(distinct), scale)
    near = np.minimum(np.where(near > 0, near, TOLERANCE), np.minimum(gaps[:-1], gaps[1:]))[atoms]
    limit = np.finfo(np.float64).max
    return np.maximum(distinct[atoms] - near, -limit), np.minimum(distinct[atoms] + near, limit)


def _spread(distinct: Floats, counts: npt.NDArray[np.intp], atoms: npt.NDArray[np.intp]) -> Floats:
    """Half quantiles of the values that are no atoms, half equal steps from end to end."""
    if len(atoms) == len(distinct):
        return np.empty(0)
    rest = np.ones(len(distinct), dtype=bool)
    rest[atoms] = False
    left = max(BINS - 2 * len(atoms), 2)
    until = np.cumsum(counts[rest])
    shares = np.arange(1, left // 2 + 1) * (until[-1] / (left // 2))
    quantiles = distinct[rest][np.minimum(np.searchsorted(until, shares), len(until) - 1)]
    steps = np.linspace(distinct[0], distinct[-1], left - left // 2 + 2)[1:-1]
    return np.concatenate((quantiles, steps[np.isfinite(steps)]))


def _rounded(edges: Floats) -> Floats:
    """Each edge moved to the roundest binary fraction within an eighth of the gap to its nearer neighbour."""
    if len(edges) < 2:
        return edges
    gaps = np.diff(edges)
    room = np.minimum(np.append(gaps[:1], gaps), np.append(gaps, gaps[-1:])) / 4
    step = np.ldexp(0.5, np.frexp(np.where(np.isfinite(room), room, 1.0))[1])
    rounded = np.round(edges / step) * step
    return np.where(np.isfinite(rounded), rounded, edges)
