"""What the bodies of several protocols share: rows by position, columns of one-element lists, pandas' `split`.

The result is records or columns with the values as they came; what is right of them is the validator's to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.serving.problems import Finding, Problem, shown
from toolkit.serving.rows import invalid, parse


def document(body: bytes, *wanted: str) -> dict[str, Any]:
    """The JSON object of a body. Problem where it is another thing, or has not exactly one key of `wanted`."""
    found = parse(body)
    if not isinstance(found, dict):
        raise refused(None, f"expected an object, got {shown(found)}")
    given = [name for name in wanted if name in found]
    if wanted and len(given) != 1:
        choice = " or ".join(repr(name) for name in wanted)
        raise refused(given[-1] if given else wanted[0], f"expected exactly one of {choice}" if given else "is missing")
    return found


def rows(names: Sequence[str], items: Any, field: str) -> list[Any]:
    """Records of a list of rows. A row is an object by feature name, its values in the order of the features as a list
    (also as `{"features": [...]}`, SageMaker's), or one value where there is one feature."""
    if not isinstance(items, list):
        raise refused(field, f"expected a list of rows, got {shown(items)}")
    if set(map(type, items)) == {dict} and (not items or "features" not in items[0]):
        return items
    return [_row(names, item, row) for row, item in enumerate(items)]


def _row(names: Sequence[str], item: Any, row: int) -> Any:
    if isinstance(item, dict):
        wrapped = item.keys() == {"features"} and "features" not in names and isinstance(item["features"], list)
        if not wrapped:
            return item
        item = item["features"]
    elif len(names) == 1 and not isinstance(item, list):
        return {names[0]: item}
    return by_position(names, item, row) if isinstance(item, list) else item


def by_position(names: Sequence[str], values: Sequence[Any], row: int) -> dict[str, Any]:
    if len(values) != len(names):
        order = shown(", ".join(names), 300)
        raise refused(None, f"has {len(values)} values, expected {len(names)}, in this order: {order}", row)
    return dict(zip(names, values, strict=True))


def columns(content: Mapping[str, Any]) -> dict[str, Any]:
    """Columns whose values may each be in a list of one, which is what shape [n, 1] looks like."""
    return {name: flat(values) for name, values in content.items()}


def flat(values: Any) -> Any:
    if isinstance(values, list) and values and isinstance(values[0], list):
        return [v[0] if isinstance(v, list) and len(v) == 1 else v for v in values]
    return values


def split(names: Sequence[str], content: Mapping[str, Any], field: str) -> list[Any]:
    """Records of pandas' `{"columns": [...], "index": [...], "data": [[...], ...]}`. The index is not looked at;
    without columns the order is that of the features."""
    titles, data = content.get("columns", list(names)), content.get("data")
    if not isinstance(titles, list) or not all(isinstance(title, str) for title in titles):
        raise refused(f"{field}.columns", f"expected a list of names, got {shown(titles)}")
    for position, title in enumerate(titles):
        if title in titles[:position]:
            raise refused(shown(title), "is there twice")
    if not isinstance(data, list):
        raise refused(
            f"{field}.data", f"expected a list of lists, got {shown(data)}" if data is not None else "is missing"
        )
    for row, values in enumerate(data):
        if not isinstance(values, list):
            raise refused(None, f"expected a list of values, got {shown(values)}", row)
    return [by_position(titles, values, row) for row, values in enumerate(data)]


def refused(field: str | None, message: str, row: int | None = None) -> Problem:
    """One finding about the envelope of a body."""
    return invalid([Finding(row, field, message)])
