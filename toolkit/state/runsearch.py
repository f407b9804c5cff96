"""Searching runs: the columns of the index and, beside them, the few runs that are not in it yet."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, overload

from toolkit.domain.errors import ConfigError
from toolkit.state.runindex import Part, RunView, column_name, columns_of, flat

Where = tuple[str, str, Any]
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

# What a row sorts by (numbers before texts, then the run's id), and where it is.
_Row = tuple[tuple[int, Any], str, Part, int]


class Listing(Sequence[RunView]):
    """Runs in order. A row of the index becomes a record when it is looked at."""

    def __init__(self, rows: list[_Row]) -> None:
        self._rows = rows

    @overload
    def __getitem__(self, at: int) -> RunView: ...

    @overload
    def __getitem__(self, at: slice) -> Listing: ...

    def __getitem__(self, at: int | slice) -> RunView | Listing:
        if isinstance(at, slice):
            return Listing(self._rows[at])
        _, _, part, row = self._rows[at]
        return part.view(row)

    def __len__(self) -> int:
        return len(self._rows)


class Tail(Part):
    """Runs outside the index, as columns like it."""

    def __init__(self, views: Sequence[RunView]) -> None:
        self._views = views
        rows = [{**flat(view.spec, view.end), "end.status": view.status} for view in views]
        super().__init__(len(views), columns_of(rows))

    def view(self, row: int) -> RunView:
        return self._views[row]


class Table:
    """The parts of one version of the index. `ids`: the runs in it."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = list(parts)
        self.ids: frozenset[str] = frozenset().union(*(part.column("spec.run_id").values[1:] for part in self.parts))
        self._sorted: dict[str, tuple[list[_Row], list[_Row]]] = {}

    def listing(self, where: Sequence[Where], order: str, tail: Sequence[RunView]) -> Listing:
        """Every run that meets `where`, sorted; `tail` are runs that are not in the parts."""
        field = column_name(order.removeprefix("-"))
        if field not in self._sorted:
            self._sorted[field] = _rows(self.parts, field)  # kept: the parts of a Table never change
        present, absent = self._sorted[field]
        parts = self.parts
        if tail:
            fresh = Tail(tail)
            more = _rows([fresh], field)
            present, absent, parts = sorted([*present, *more[0]]), [*more[1], *absent], [*parts, fresh]
        rows = [*(reversed(present) if order.startswith("-") else present), *absent]
        if where:
            masks = {id(part): _mask(part, where) for part in parts}
            rows = [row for row in rows if masks[id(row[2])][row[3]]]
        return Listing(rows)


def _rows(parts: Iterable[Part], field: str) -> tuple[list[_Row], list[_Row]]:
    """Rows that have the field, ascending, and rows that do not."""
    present: list[_Row] = []
    absent: list[_Row] = []
    for part in parts:
        column, ids = part.column(field), part.column("spec.run_id")
        ranks = [_rank(value) for value in column.values]
        for row, code in enumerate(column.codes):
            (present if column.values[code] is not None else absent).append((ranks[code], ids[row], part, row))
    return sorted(present), absent


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, (int, float)) and value == value:  # not NaN, which would break the order
        return 0, value
    return 1, value if isinstance(value, str) else repr(value)


def _mask(part: Part, where: Iterable[Where]) -> bytearray:
    """One byte a row: whether it meets every condition."""
    mask = bytearray(b"\1" * part.runs)
    for field, sign, wanted in where:
        column = part.column(column_name(field))
        passing = bytes(_meets(value, sign, wanted) for value in column.values)
        for row, code in enumerate(column.codes):
            if not passing[code]:
                mask[row] = 0
    return mask


def _meets(value: Any, sign: str, wanted: Any) -> bool:
    if sign not in OPERATORS:
        raise ConfigError(f"unknown operator {sign!r} in a search of runs", hint=f"use one of {' '.join(OPERATORS)}")
    try:
        return value is not None and bool(OPERATORS[sign](value, wanted))
    except TypeError:
        return False  # a text is neither above nor below a number
