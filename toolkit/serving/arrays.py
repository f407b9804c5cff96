"""Columns that came as numpy arrays (binary tensors, Arrow) checked as a whole, without a Python object a value.

An array that is right goes to the model and the counters as it is. Whatever is not certainly right (and every column
that is text or time) is for the validator to decide, who reads values: the two never disagree, because this says only
yes or nothing. NaN in an array is a missing value. Used where numpy is loaded anyway.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from toolkit.domain.records import Feature
from toolkit.serving import fields
from toolkit.serving.rows import Batch

FROM = 64  # rows; below, lists are as fast
TURNED = 2_000  # rows that came as lists; below, turning them costs as much as it saves


def at_hand(rows: int) -> bool:
    """Whether so many rows are read as arrays."""
    return rows >= FROM and "numpy" in sys.modules


def batch(features: Sequence[Feature], columns: Mapping[str, Any], most: int) -> Batch | None:
    """`columns`: arrays, or lists of JSON values. None where anything is not right as it stands."""
    if not columns.keys() <= {f.name for f in features}:
        return None
    lengths = {len(values) for values in columns.values()}
    rows = lengths.pop() if len(lengths) == 1 else 0
    if not at_hand(rows) or rows > most:
        return None
    found: list[Any] = []
    for feature in features:
        values = columns.get(feature.name)
        if values is None:
            read = [None] * rows if feature.nullable else None
        else:
            read = _listed(feature, values) if isinstance(values, list) else _checked(feature, values)
        if read is None:
            return None
        found.append(read)
    return Batch(rows, arrays=found)


def turned(features: Sequence[Feature], batch: Batch) -> Batch:
    """The same rows with each column of floats as an array, made once for the model's threads and the counters."""
    import numpy as np

    found: list[Any] = []
    for feature, values in zip(features, batch.columns, strict=True):
        try:
            found.append(np.frombuffer(array("d", values)) if feature.dtype == "float64" else values)
        except TypeError:  # a null among them
            found.append(values)
    return Batch(batch.rows, arrays=found)


def lists(columns: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON would have had them: a list of values each, None for NaN."""
    return {name: plain(values) for name, values in columns.items()}


def plain(values: Any) -> Any:
    if isinstance(values, list):
        return values
    if values.dtype.kind == "f":
        return [None if v != v else v for v in values.tolist()]
    return values.tolist()


def whole(values: Any) -> Any:
    """A float array as the integers that its numbers are, or itself where one is not."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        exact = values.astype(np.int64)
    return exact if (exact == values).all() and (np.abs(values) < 2.0**63).all() else values


def _checked(feature: Feature, values: Any) -> Any:
    import numpy as np

    kind = values.dtype.kind
    if feature.dtype == "bool":
        return values if kind == "b" else None
    if feature.dtype not in ("float64", "int64") or kind not in "fiu":
        return None
    if kind == "u" and values.dtype.itemsize == 8 and int(values.max()) > fields.INT_MAX:
        return None
    if feature.dtype == "int64" and kind == "f":
        values = whole(values)
        return values if values.dtype.kind == "i" else None
    if kind == "f":
        total = values.sum(dtype=np.float64)  # finite unless a value is not
        if not np.isfinite(total) and (np.isinf(values).any() or (not feature.nullable and np.isnan(values).any())):
            return None
    return values


def _listed(feature: Feature, values: list[Any]) -> Any:
    try:
        if feature.dtype == "string":
            "".join(v for v in values if v is not None).encode()
        checked = msgspec.convert(values, list[fields.typed(feature)])  # type: ignore[misc]
        if feature.dtype == "float64" and not _finite(checked):
            return None
        return [fields.days(text) for text in checked] if fields.is_moment(feature) else checked
    except (msgspec.ValidationError, ValueError, TypeError):
        return None


def _finite(values: list[Any]) -> bool:
    import math

    return all(v is None or math.isfinite(v) for v in values)
