"""How much the reference differs from itself: the third term of the alarm rule, learnt by training.

Windows of real traffic are not independent draws: weekdays, weather and campaigns move them, and a significance test
takes each such move for drift. So the reference is cut into chunks as time cut it (at random where there is no time)
and each chunk's distance to the whole is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.domain.errors import DataError
from toolkit.quality import stats
from toolkit.quality.baseline import Limit
from toolkit.quality.bins import TAIL, Bins, Categories, Numbers, Presence
from toolkit.quality.vector import Scores, Tally

CHUNKS = 20
FEWEST = 5
CHUNK_ROWS = 200  # at least: below, a chunk shows little but its own sampling
SAMPLED = 20_000  # rows of a chunk that are looked at

Rows = npt.NDArray[np.intp]


def of_chunks(
    tally: Tally, frame: Mapping[str, Any], scores: Scores, order: Any, score_order: Any
) -> tuple[tuple[Limit, ...], tuple[int, int]]:
    """Limits of the features and the prediction, and the rows of a chunk of each (0: too few rows for chunks)."""
    parts = chunks(tally.rows if tally.features else 0, order, "order")
    if score_order is None and scores.rows == tally.rows:
        score_order = order
    answers = chunks(scores.rows, score_order, "score_order")
    found = []
    for index, values in enumerate(tally.values(frame, scores)):
        found.append(_limit(tally, index, values, parts if index < len(tally.features) else answers))
    return tuple(found), (len(parts[0]) if parts else 0, len(answers[0]) if answers else 0)


def chunks(rows: int, order: Any, name: str) -> list[Rows]:
    """Row numbers of up to 20 chunks, in order where there is one. Raises DataError where `order` does not fit."""
    count = min(CHUNKS, rows // CHUNK_ROWS)
    if count < FEWEST:
        return []
    if order is None:
        positions: Rows = np.random.default_rng(0).permutation(rows)
    else:
        try:
            positions = np.argsort(np.asarray(order), kind="stable")
        except TypeError as error:
            raise DataError(f"{name} cannot be sorted: {error}") from error
        if len(positions) != rows:
            raise DataError(f"{name} has {len(positions)} values for {rows} rows")
    parts = np.array_split(positions, count)
    return [part[:: -(-len(part) // SAMPLED)] for part in parts]


def _limit(tally: Tally, index: int, values: Any, parts: list[Rows]) -> Limit:
    if not parts:
        return Limit()
    kind = tally.bins[index]
    start = tally.offsets[index]
    whole = tally.counts[start : start + kind.size].tolist()
    distances: list[float] = []
    nulls: list[float] = []
    for part in parts:
        rows = values[part] if isinstance(values, np.ndarray) else [values[i] for i in part]
        own = np.bincount(_cells(tally, index, rows), minlength=kind.size).tolist()
        distances.append(distance(kind, whole, own))
        nulls.append(abs(own[-1] / sum(own) - whole[-1] / sum(whole)))
    return Limit(*(float(statistic(found)) for found in (distances, nulls) for statistic in (np.mean, np.std)))


def _cells(tally: Tally, index: int, rows: Any) -> Rows:
    kind = tally.bins[index]
    if index == len(tally.features) and isinstance(kind, Categories):  # predicted classes, by position
        return np.where(rows < 0, kind.size - 1, rows)
    return tally.columns[index].cells(rows)


def distance(kind: Bins, reference: list[int], window: list[int]) -> float:
    """KS or total variation of the values that are not null; 0 where either side has none."""
    if isinstance(kind, Presence) or not sum(reference[:-1]) or not sum(window[:-1]):
        return 0.0
    if isinstance(kind, Numbers):
        return stats.ks(reference[:-1], window[:-1])
    return stats.tvd(*stats.pooled(reference[:-1], window[:-1], TAIL))
