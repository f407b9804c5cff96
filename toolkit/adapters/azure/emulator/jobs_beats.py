"""Cron as Kubernetes reads it: five fields, UTC, names of months and days; day of month or day of week where both are
there. Written apart from the adapter, whose dialect it has to understand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
FAR = timedelta(days=366 * 9)


class Bad(ValueError):
    """No cron expression, with what is wrong."""


def between(expression: str, since: datetime, until: datetime) -> Iterator[datetime]:
    """Every time in (since, until]. Raises Bad."""
    fields = expression.upper().split(" ")
    if len(fields) != 5:
        raise Bad(f"expected exactly 5 fields, found {len(fields)}: {expression!r}")
    minutes, hours, days, months, weekdays = (
        values(field, low, high, names)
        for field, (low, high), names in zip(fields, _RANGES, ((), (), (), MONTHS, DAYS), strict=True)
    )
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    moment = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
    until = min(until, since + FAR)
    while moment <= until:
        by_day, by_weekday = moment.day in days, moment.isoweekday() % 7 in weekdays
        fits = by_day or by_weekday if either else by_day and by_weekday
        if moment.month not in months or not fits:
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif moment.hour not in hours:
            moment = moment.replace(minute=0) + timedelta(hours=1)
        else:
            if moment.minute in minutes:
                yield moment
            moment += timedelta(minutes=1)


def values(field: str, low: int, high: int, names: tuple[str, ...]) -> frozenset[int]:
    """What a field means. Raises Bad."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\*|[A-Z]{3}|\d+)(?:-([A-Z]{3}|\d+))?(?:/(\d+))?", part)
        if not match or (match[1] == "*" and match[2]):
            raise Bad(f"failed to parse {field!r}")
        begin = low if match[1] == "*" else _number(match[1], low, names)
        end = high if match[1] == "*" or (match[3] and not match[2]) else begin
        end = _number(match[2], low, names) if match[2] else end
        step = int(match[3] or 1)
        if not low <= begin <= end <= high or step == 0:
            raise Bad(f"{part!r} is outside {low}-{high}, or its step is 0")
        found |= set(range(begin, end + 1, step))
    return frozenset(found)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.isdigit():
        return int(text)
    if text not in names:
        raise Bad(f"failed to parse {text!r}")
    return names.index(text) + low
