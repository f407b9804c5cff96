"""Validated rows as the model takes them, and what every reader of a body shares: JSON as values, the refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from toolkit.serving.problems import Finding, Problem
from toolkit.serving.settings import Limits


class Batch:
    """Validated rows in the order of the signature: numbers, times in days since 1970, text; None for null.

    `row` is the tuple of a single row and `columns` is made from it only when asked; of many rows there are columns.
    `arrays` are columns as numpy has them where they came so (NaN for null), lists among them; else None.
    """

    __slots__ = ("_columns", "arrays", "row", "rows")

    def __init__(
        self,
        rows: int,
        *,
        row: tuple[Any, ...] | None = None,
        columns: list[Sequence[Any]] | None = None,
        arrays: list[Any] | None = None,
    ) -> None:
        self.rows = rows
        self.row = row
        self._columns = columns
        self.arrays = arrays

    @property
    def columns(self) -> list[Sequence[Any]]:
        if self._columns is None:
            if self.arrays is not None:
                from toolkit.serving.arrays import plain

                self._columns = [plain(values) for values in self.arrays]
            else:
                self._columns = [[value] for value in self.row or ()]
        return self._columns

    def part(self, start: int, end: int) -> Batch:
        """Rows `start` to `end`."""
        if self.arrays is not None:
            return Batch(end - start, arrays=[values[start:end] for values in self.arrays])
        return Batch(end - start, columns=[column[start:end] for column in self.columns])


def parse(body: bytes) -> Any:
    """JSON as plain values, NaN and Infinity included so that they can be named. Problem 400 where it is not JSON."""
    if not body.strip():
        raise Problem(400, "empty-body", "the body is empty; send JSON")
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise Problem(400, "malformed-json", "the JSON is nested too deeply") from error
    except ValueError as error:  # malformed, not UTF-8, or a number of thousands of digits
        return _parse_leniently(body, error)


def _parse_leniently(body: bytes, reason: Exception) -> Any:
    import json

    try:
        return json.loads(body.decode())
    except UnicodeDecodeError as error:
        raise Problem(400, "bad-encoding", f"the body is not UTF-8 (byte {error.start})") from error
    except RecursionError as error:
        raise Problem(400, "malformed-json", "the JSON is nested too deeply") from error
    except ValueError as error:
        raise Problem(400, "malformed-json", f"the body is not JSON: {reason}") from error


def invalid(findings: list[Finding]) -> Problem:
    """The refusal of a body that can be read and does not fit: 422."""
    first = findings[0]
    place = [f"row {first.row}"] if first.row is not None else []
    place += [f"field {first.field!r}"] if first.field is not None else []
    detail = f"{', '.join(place)}: {first.message}" if place else first.message
    return Problem(422, "invalid-input", detail, findings=findings)


def too_many(rows: int, limits: Limits) -> Problem:
    return Problem(413, "too-many-rows", f"{rows} rows in one request; at most {limits.max_rows} are taken")
