"""What a feature's value is when a model sees it: the one conversion that training and serving share.

A model has two kinds of input: numbers and text.

- float64, int64, bool, date and datetime become a number that float32 holds exactly. The exported model computes in
  float32, so training is given the same rounded numbers: a split at 0.3 then falls on the same side in both.
- date and datetime become **days since 1970-01-01 UTC** (a time without a zone is UTC). Float32 keeps a point in time
  to about 84 seconds whatever the unit; days are used because linear models converge on numbers near 10^4 and not on
  10^9, and because whole days stay exact. What needs minutes (hour of the day) is a column of its own in `prepare`.
- null is NaN for numbers and "" for text. Numbers past float32's range become its largest.

No numpy here: a function that answers one row converts it with the standard library alone.
`toolkit.models.data` does the same by whole columns; a property test holds the two equal.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from toolkit.domain import times
from toolkit.domain.errors import DataError
from toolkit.domain.records import DType, Feature

Kind = Literal["number", "text"]
FLOAT32_MAX = 3.4028234663852886e38
MICROSECONDS_PER_DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NULL_TEXT = ""
NULL_NUMBER = math.nan

_FLOAT32 = struct.Struct("f")
_MICROSECOND = timedelta(microseconds=1)


def kind(dtype: DType) -> Kind:
    """Which tensor a feature of this dtype is: float32 ("number") or string ("text"), of shape [rows, 1]."""
    return "text" if dtype == "string" else "number"


def float32(value: float) -> float:
    """The nearest number that float32 holds; past its range (infinities too) its largest; NaN stays NaN."""
    if -FLOAT32_MAX <= value <= FLOAT32_MAX:
        rounded: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
        return rounded
    return value if math.isnan(value) else math.copysign(FLOAT32_MAX, value)


def days(moment: date | datetime | str) -> float:
    """Days since the epoch, UTC, unrounded. Text is RFC 3339 or a plain date. ConfigError for text that is no time."""
    if isinstance(moment, str):
        moment = times.parse(moment)
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return ((moment - EPOCH) // _MICROSECOND) / MICROSECONDS_PER_DAY


def to_wire(feature: Feature, value: Any) -> float | str:
    """What the model receives for `value`, a JSON or Python value. DataError names the feature and what it expects."""
    return _CONVERTERS[feature.dtype](feature, value)


def column(feature: Feature, values: Iterable[Any]) -> list[float] | list[str]:
    """`to_wire` of every value, in order."""
    convert = _CONVERTERS[feature.dtype]
    return [convert(feature, value) for value in values]  # type: ignore[return-value]  # one dtype, one type


def to_json(value: Any) -> Any:
    """A Python value of a table as the JSON value that a client would send: times as RFC 3339 text, NaN as null."""
    if isinstance(value, datetime):
        return times.text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else math.copysign(FLOAT32_MAX, value)
    return value


def _number(feature: Feature, value: Any) -> float:
    if value is None:
        return NULL_NUMBER
    if not isinstance(value, (int, float)):  # bool is an int; a numpy number is neither and takes the slow way
        try:
            value = value.item()
        except AttributeError:
            raise _wrong(feature, value) from None
    try:
        return float32(float(value))
    except OverflowError:  # an integer of more than 308 digits
        return FLOAT32_MAX if value > 0 else -FLOAT32_MAX


def _moment(feature: Feature, value: Any) -> float:
    if value is None:
        return NULL_NUMBER
    if not isinstance(value, (date, str)):
        raise _wrong(feature, value)
    try:
        return float32(days(value))
    except ValueError as error:
        raise _wrong(feature, value) from error


def _text(feature: Feature, value: Any) -> str:
    if value is None:
        return NULL_TEXT
    if not isinstance(value, str):
        raise _wrong(feature, value)
    return value


def _wrong(feature: Feature, value: Any) -> DataError:
    wanted = {"string": "text", "datetime": "a time (RFC 3339)", "date": "a date (RFC 3339)", "bool": "true or false"}
    return DataError(f"{feature.name}: expected {wanted.get(feature.dtype, 'a number')} or null, got {value!r:.60}")


_CONVERTERS: dict[DType, Callable[[Feature, Any], float | str]] = {
    "float64": _number,
    "int64": _number,
    "bool": _number,
    "datetime": _moment,
    "date": _moment,
    "string": _text,
}
