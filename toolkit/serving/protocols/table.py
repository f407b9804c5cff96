"""CSV in and out: rows in the order of the features, or below a header; an empty cell is null.

A cell becomes what its feature is if it reads as that, and stays text otherwise, which the validator then refuses by
row and name. `nan` in a numeric column (what numpy writes for a missing value) is null too. For text that may not be
null, an empty cell is empty text. A first row of which more than half are names of features is the header; the content
type can say it outright (`header=present` or `absent`, RFC 4180).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from toolkit.domain.records import DType, Feature
from toolkit.serving.problems import Problem, shown
from toolkit.serving.protocols.reading import refused
from toolkit.serving.settings import Limits

_BOOLS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def columns(data: bytes, features: Sequence[Feature], content_type: bytes, limits: Limits) -> dict[str, list[Any]]:
    """Columns by name. Problem 400 (not CSV, not UTF-8), 413 (too many rows), 422 (a row of another length)."""
    rows = _rows(data, limits)
    names = [f.name for f in features]
    if rows and _has_header(rows[0], names, content_type):
        names = _titles(rows.pop(0))
    if len(rows) > limits.max_rows:
        raise Problem(413, "too-many-rows", f"{len(rows)} rows in one request; at most {limits.max_rows} are taken")
    for row, cells in enumerate(rows):
        if len(cells) != len(names):
            order = shown(", ".join(names), 300)
            raise refused(None, f"has {len(cells)} values, expected {len(names)}, in this order: {order}", row)
    by_name = {f.name: f for f in features}
    cells_of = zip(*rows, strict=True) if rows else ((),) * len(names)
    return {name: _values(by_name.get(name), cells) for name, cells in zip(names, cells_of, strict=True)}


def text(rows: Iterable[Sequence[Any]]) -> bytes:
    """Lines that end in a line feed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def _rows(data: bytes, limits: Limits) -> list[list[str]]:
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(400, "bad-encoding", f"the body is not UTF-8 (byte {error.start})") from error
    if not content.strip():
        raise Problem(400, "empty-body", "the body is empty; send CSV")
    found: list[list[str]] = []
    try:
        for cells in csv.reader(io.StringIO(content, newline=""), strict=True):
            if cells:  # an empty line is none
                found.append(cells)
            if len(found) > limits.max_rows + 1:
                break  # counted as too many
    except csv.Error as error:
        raise Problem(400, "malformed-csv", f"row {len(found)} is not CSV: {error}") from error
    return found


def _has_header(first: list[str], names: list[str], content_type: bytes) -> bool:
    parameters = content_type.lower().replace(b" ", b"").split(b";")[1:]
    if b"header=present" in parameters or b"header=absent" in parameters:
        return b"header=present" in parameters
    return 2 * sum(cell.strip() in names for cell in first) > len(first)


def _titles(first: list[str]) -> list[str]:
    titles = [cell.strip() for cell in first]
    for position, title in enumerate(titles):
        if title in titles[:position]:
            raise refused(shown(title), "is there twice")
    return titles


def _values(feature: Feature | None, cells: Sequence[str]) -> list[Any]:
    if feature is None:
        return list(cells)
    if feature.dtype == "string":
        return [cell or None for cell in cells] if feature.nullable else list(cells)
    read = _READERS[feature.dtype]
    return [read(cell.strip()) for cell in cells]


def _number(cell: str) -> Any:
    try:
        value = float(cell) if "_" not in cell else cell
    except ValueError:
        return cell or None
    return None if value != value else value


def _whole(cell: str) -> Any:
    return int(cell) if cell.isascii() and cell.lstrip("+-").isdigit() and len(cell) < 25 else _as_whole(_number(cell))


def _as_whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


def _bool(cell: str) -> Any:
    return _BOOLS.get(cell.lower(), cell or None)


def _moment(cell: str) -> Any:
    return cell or None


_READERS: dict[DType, Callable[[str], Any]] = {
    "float64": _number,
    "int64": _whole,
    "bool": _bool,
    "datetime": _moment,
    "date": _moment,
}
