"""What a column's values are counted into. Every kind of column becomes a run of cells in one flat vector of counts.

The edge rule is `bisect_left`: cell i of a number holds edges[i-1] < value <= edges[i]; cell 0 is underflow, the one
after the last edge overflow. A null (None, NaN, and "" for text, as the ONNX inputs have it) has the last cell.
"""

# Annotations are values here: msgspec would compile strings one by one when a type is first used, in every start.

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import msgspec

from toolkit.domain.records import Feature

TAIL = 2  # cells of a Categories column for values that are not kept: other, unseen


class Numbers(msgspec.Struct, frozen=True, tag="numbers", array_like=True):
    """A numeric column; no edges where the reference had no value at all."""

    name: str
    edges: tuple[float, ...]

    @property
    def size(self) -> int:
        return len(self.edges) + 2

    @property
    def over(self) -> int:
        """The overflow cell (the only one, where there are no edges)."""
        return len(self.edges)


class Categories(msgspec.Struct, frozen=True, tag="categories", array_like=True):
    """A text or boolean column: one cell a kept value, then other, unseen, null.

    `closed`: the reference had no more values than are kept, so that any further one is unseen. An open column keeps
    the most frequent ones and cannot tell a new value from a rare one: both are `other`.
    """

    name: str
    values: tuple[str, ...]
    closed: bool = True
    boolean: bool = False

    @property
    def size(self) -> int:
        return len(self.values) + 3

    @property
    def other(self) -> int:
        return len(self.values)

    @property
    def unseen(self) -> int:
        return len(self.values) + 1

    @property
    def default(self) -> int:
        """The cell of a value that is not kept."""
        return self.unseen if self.closed else self.other

    def cells(self, offset: int = 0) -> dict[Any, int]:
        """Value -> cell, nulls included."""
        null = offset + self.size - 1
        keys: tuple[Any, ...] = (False, True) if self.boolean else self.values
        return {None: null, "": null} | {key: offset + i for i, key in enumerate(keys)}


class Presence(msgspec.Struct, frozen=True, tag="presence", array_like=True):
    """A date or time: time always moves, so only present and null are counted."""

    name: str

    @property
    def size(self) -> int:
        return 2


Bins = Numbers | Categories | Presence


def offsets(bins: Iterable[Bins]) -> list[int]:
    """Where each column's cells begin in the flat vector, and at the end the vector's length."""
    return list(accumulate((b.size for b in bins), initial=0))


def is_null(value: Any) -> bool:
    """None, NaN, NaT and the empty text."""
    try:
        return value is None or value == "" or bool(value != value)
    except (TypeError, ValueError):  # pandas' NA: neither equal nor unequal to anything
        return True


def argmax(probabilities: Sequence[float]) -> int:
    """Index of the largest, the first of equals: the class a model answers."""
    return max(range(len(probabilities)), key=probabilities.__getitem__)


def number(value: Any) -> float:
    """As a float: NaN for what is no number, infinite for an integer beyond float64."""
    if isinstance(value, str | bytes):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (TypeError, ValueError):
        return math.nan


def empty(feature: Feature) -> Bins:
    """Bins of the feature's kind with nothing in them yet."""
    if feature.dtype in ("float64", "int64"):
        return Numbers(feature.name, ())
    if feature.dtype in ("datetime", "date"):
        return Presence(feature.name)
    return Categories(feature.name, (), boolean=feature.dtype == "bool")
