"""Contributions of any model, by asking it: features of a background row are replaced by those of the row, one by one.

For every background row one order of the features is drawn, and used forwards and backwards (antithetic: much of the
noise of the one cancels that of the other). What the answer changes by when a feature is replaced is that feature's
part. Along one order the changes sum to the row's answer minus the background row's, so the parts sum exactly to the
answer minus the background's average, however few orders are drawn. The orders come from a fixed seed: the same row
has the same explanation.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from toolkit.serving.attribution import Attribution
from toolkit.serving.shapley import TooSlow

Row = Sequence[Any]
Ask = Callable[[Sequence[Row]], list[float]]
"""Rows of the wire -> the answer that is explained, one number a row."""

SEED = 0
AT_ONCE = 10_000  # rows asked in one call


def explain(ask: Ask, row: Row, background: Sequence[Row], deadline: float) -> Attribution:
    """Raises TooSlow. Costs two rows asked per background row and feature in which the two differ."""
    draw = random.Random(SEED)  # noqa: S311  # for repeating, not for secrets
    parts = [0.0] * len(row)
    base = value = 0.0
    walks: list[tuple[int, list[int]]] = []  # (where its rows begin, the order of its features)
    rows: list[Row] = []

    def settle() -> None:
        nonlocal base, value
        if time.perf_counter() > deadline:
            raise TooSlow
        answers = ask(rows)
        for first, order in walks:
            base += answers[first]
            value += answers[first + len(order)]
            for place, feature in enumerate(order, first):
                parts[feature] += answers[place + 1] - answers[place]
        walks.clear()
        rows.clear()

    for other in background:
        differing = [i for i, (mine, theirs) in enumerate(zip(row, other, strict=True)) if mine != theirs]
        draw.shuffle(differing)
        for order in (differing, differing[::-1]):
            walks.append((len(rows), order))
            now = list(other)
            rows.append(tuple(now))
            for feature in order:
                now[feature] = row[feature]
                rows.append(tuple(now))
        if len(rows) >= AT_ONCE:
            settle()
    if walks:
        settle()
    count = 2 * len(background)
    return Attribution(value / count, base / count, [part / count for part in parts])
