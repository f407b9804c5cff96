"""The probabilities of many rows as the array that they are, for whoever can use that, and as lists for everyone else.

Ten thousand rows are ten thousand lists, which cost as much as counting them. A `Shares` reads like the list of lists
(length, items, slices, iteration), and gives `table` to those who want numbers in bulk: counters, binary tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

FROM = 512  # rows; below, lists are as fast


class Shares(Sequence[list[float]]):
    """`table` is a numpy array [rows, classes]."""

    __slots__ = ("table",)

    def __init__(self, table: Any) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @overload
    def __getitem__(self, index: int) -> list[float]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[list[float]]: ...
    def __getitem__(self, index: Any) -> Any:
        found = self.table[index]
        return of(found) if isinstance(index, slice) else found.tolist()

    def __iter__(self) -> Iterator[list[float]]:
        return iter(self.table.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and bool(self.table.tolist() == list(other))

    __hash__ = None  # type: ignore[assignment]

    def column(self, number: int) -> Any:
        """The share of one class, row by row: an array of float64."""
        return self.table[:, number].astype("float64")


def of(table: Any) -> Any:
    """Lists, or Shares where there are many rows."""
    return Shares(table) if len(table) >= FROM else table.tolist()


def together(parts: Sequence[Sequence[list[float]]]) -> Any:
    """Parts of one answer, one after the other."""
    tables = [part.table for part in parts if isinstance(part, Shares)]
    if not tables or len(tables) < len(parts):
        return [row for part in parts for row in part]
    import numpy as np

    return Shares(np.concatenate(tables))
