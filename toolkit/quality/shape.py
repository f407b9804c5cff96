"""A column in a few bars, then and now: what a person looks at. Nothing is decided from it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

from toolkit.domain.records import Shape
from toolkit.quality.baseline import Baseline
from toolkit.quality.bins import Bins, Categories, Numbers
from toolkit.quality.profile import Profile

BARS = 20
KINDS = 8  # categories shown by name
_DIGITS = 5
_TAIL = 0.005  # of the reference, at each end, that goes into the outer bars


def shapes(baseline: Baseline, profile: Profile) -> tuple[Shape, ...]:
    """One for each of `baseline.columns`: shares of all rows, nulls last where there are any."""
    found = []
    for index, bins in enumerate(baseline.columns):
        cells = slice(baseline.offsets[index], baseline.offsets[index] + bins.size)
        found.append(_shape(bins, baseline.counts[cells], profile.counts[cells]))
    return tuple(found)


def _shape(bins: Bins, reference: Sequence[int], window: Sequence[int]) -> Shape:
    if isinstance(bins, Numbers) and bins.edges:
        labels, groups = _ranges(bins.edges, reference[:-1])
    elif isinstance(bins, Categories):
        labels, groups = _kinds(bins, reference, window)
    else:
        labels, groups = ["present"], [range(len(reference) - 1)]
    if reference[-1] or window[-1]:
        labels, groups = [*labels, "null"], [*groups, [len(reference) - 1]]
    return Shape(labels=tuple(labels), reference=_shares(groups, reference), window=_shares(groups, window))


def _ranges(edges: Sequence[float], counts: Sequence[int]) -> tuple[list[str], list[Iterable[int]]]:
    """A bar a value where there are few; else bars of equal width over the middle 99 % of the reference, with what lies
    outside in the outer ones."""
    filled = [cell for cell, count in enumerate(counts) if count]
    if 0 < len(filled) <= BARS:
        ends = [*filled[:-1], len(counts) - 1]
        starts = [0, *(end + 1 for end in ends[:-1])]
        near = (edges[-1] - edges[0]) * 1e-4  # an edge lies a little above its value
        values = [edges[min(cell, len(edges) - 1)] for cell in filled]
        labels = [f"{0.0 if abs(value) < near else value:.4g}" for value in values]
        return labels, [range(start, end + 1) for start, end in zip(starts, ends, strict=True)]
    total, sums = sum(counts), list(accumulate(counts))
    low = edges[max(0, min(bisect_right(sums, total * _TAIL) - 1, len(edges) - 1))]
    high = edges[max(0, min(bisect_right(sums, total * (1 - _TAIL)), len(edges) - 1))]
    if low >= high:
        low, high = edges[0], edges[-1]
    step = (high - low) / BARS
    groups: list[list[int]] = [[] for _ in range(BARS)]
    for cell in range(len(counts)):
        upper = edges[min(cell, len(edges) - 1)]
        bar = min(max(int((upper - low) / step - 1e-9), 0), BARS - 1) if step > 0 and cell < len(edges) else BARS - 1
        groups[bar if cell else 0].append(cell)
    return [f"{low + step * (bar + 1):.4g}" for bar in range(BARS)], [*groups]


def _kinds(bins: Categories, reference: Sequence[int], window: Sequence[int]) -> tuple[list[str], list[Iterable[int]]]:
    """The largest on either side by name, then all others together."""
    known = range(len(bins.values))
    first = sorted(known, key=lambda cell: -max(_share(reference, cell), _share(window, cell)))[:KINDS]
    rest = [cell for cell in range(bins.unseen) if cell not in first]
    labels = [bins.values[cell] for cell in first]
    groups: list[Iterable[int]] = [[cell] for cell in first]
    if any(reference[cell] or window[cell] for cell in rest):
        labels, groups = [*labels, "other"], [*groups, rest]
    if window[bins.unseen]:
        labels, groups = [*labels, "unseen"], [*groups, [bins.unseen]]
    return labels, groups


def _share(counts: Sequence[int], cell: int) -> float:
    return counts[cell] / (sum(counts) or 1)


def _shares(groups: Sequence[Iterable[int]], counts: Sequence[int]) -> tuple[float, ...]:
    total = sum(counts) or 1
    return tuple(round(sum(counts[cell] for cell in group) / total, _DIGITS) for group in groups)
