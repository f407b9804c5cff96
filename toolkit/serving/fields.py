"""What one JSON value of a feature may be: as a type that msgspec decodes fast, and checked by hand in words.

The two must say the same, and a property test holds them to it. The typed way is an accelerator for bodies that are
right; whenever it refuses, the check by hand decides and explains. One value it refuses is fine by hand: a whole
number written as 3.0 for an int64 feature (what pandas sends when a column had a null), an integer to JSON Schema too.

float64 -> number; int64 -> whole number of 64 bits; bool -> true or false (never for a number, nor a number for it);
string -> text; datetime and date -> RFC 3339 text, or a date, or a time without a zone (UTC). null only where the
feature is nullable. Values outside the range or the categories of training are no error: they are counted as drift.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from msgspec import Meta

from toolkit.domain import wire
from toolkit.domain.records import DType, Feature
from toolkit.serving.problems import shown

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_DATE = r"[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?"
_ZONE = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
MOMENT = f"^{_DATE}([T ]{_TIME}{_ZONE}?)?$"

_TYPES: dict[DType, Any] = {
    "float64": float,
    "int64": Annotated[int, Meta(ge=INT_MIN, le=INT_MAX)],
    "bool": bool,
    "string": str,
    "datetime": Annotated[str, Meta(pattern=MOMENT)],
    "date": Annotated[str, Meta(pattern=MOMENT)],
}
_WANTED: dict[DType, str] = {
    "float64": "a number",
    "int64": "a whole number",
    "bool": "true or false",
    "string": "text",
    "datetime": "a time such as 2013-07-01T12:00:00Z",
    "date": "a date such as 2013-07-01",
}


def typed(feature: Feature) -> Any:
    """The type that msgspec decodes a value of this feature as."""
    exact = _TYPES[feature.dtype]
    return exact | None if feature.nullable else exact


def is_moment(feature: Feature) -> bool:
    return feature.dtype in ("datetime", "date")


def days(text: str | None) -> float | None:
    """A moment as the model receives it (null stays None). ValueError if the calendar has no such day."""
    if text is None:
        return None
    try:
        return wire.days(text)
    except OverflowError as error:  # a zone that carries it out of the calendar
        raise ValueError(f"not a time: {text!r}") from error


def missing(feature: Feature) -> str:
    return f"is missing; expected {_WANTED[feature.dtype]}"


def check(feature: Feature, value: Any) -> str:
    """What is wrong with `value` (as any JSON parser gave it), or "" if it is right."""
    if value is None:
        return "" if feature.nullable else f"may not be null; expected {_WANTED[feature.dtype]}"
    wrong = _CHECKS[feature.dtype](value)
    if wrong == "type":
        return f"expected {_WANTED[feature.dtype]}, got {_kind(value)}"
    return wrong


def _float(value: Any) -> str:
    if type(value) not in (int, float):
        return "type"
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    return "" if finite else f"{_spelled(value)} is not a finite number; send null for a missing value"


def _int(value: Any) -> str:
    if type(value) is float:
        if not math.isfinite(value):
            return _float(value)
        if not value.is_integer():
            return f"expected a whole number, got {shown(value)}"
    elif type(value) is not int:
        return "type"
    return "" if INT_MIN <= value <= INT_MAX else f"{shown(value, 30)} is outside the range of 64-bit whole numbers"


def _bool(value: Any) -> str:
    return "" if type(value) is bool else "type"


def _text(value: Any) -> str:
    if type(value) is not str:
        return "type"
    return "" if value.isascii() or _encodable(value) else f"{shown(value)!r} is not valid Unicode text"


def _moment(value: Any) -> str:
    import re

    if type(value) is not str:
        return "type"
    if re.search(MOMENT, value):
        try:
            days(value)
            return ""
        except ValueError:
            pass
    return f"expected RFC 3339 such as 2013-07-01T12:00:00Z, got {shown(value)!r}"


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _spelled(value: float) -> str:
    if isinstance(value, int):
        return f"an integer of {value.bit_length()} bits"
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _kind(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return f"text {shown(value)!r}"
    return f"the number {shown(value, 30)}" if isinstance(value, (int, float)) else shown(value)


_CHECKS = {"float64": _float, "int64": _int, "bool": _bool, "string": _text, "datetime": _moment, "date": _moment}
