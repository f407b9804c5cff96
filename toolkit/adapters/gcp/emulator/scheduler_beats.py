"""Unix-cron as Cloud Scheduler reads it, as times: five fields, either of two days, in the zone of the job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_PART = re.compile(r"(?:(\*)|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_FAR = timedelta(days=366 * 9)  # every date that there is comes within nine years


class Bad(ValueError):
    """No expression, or no zone."""


class Beat:
    """Raises Bad."""

    def __init__(self, expression: str, zone: str = "Etc/UTC") -> None:
        self._expression = expression
        fields = expression.upper().split(" ")
        if len(fields) != 5:
            raise self._bad()
        fields[3], fields[4] = _numbered(fields[3], _MONTHS, 1), _numbered(fields[4], _DAYS, 0)
        sets = [self._set(field, *bounds) for field, bounds in zip(fields, _RANGES, strict=True)]
        self._minutes, self._hours, self._days, self._months, weekdays = sets
        self._weekdays = frozenset(day % 7 for day in weekdays)
        self._either = fields[2] != "*" and fields[4] != "*"
        try:
            self._zone = ZoneInfo(zone)
        except (OSError, ValueError, LookupError) as error:
            raise Bad(f"time zone {zone!r} is not one of the tz database") from error

    def between(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Every time in (since, until], in UTC."""
        moment = since.astimezone(self._zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
        until = min(until, since + _FAR)
        while (absolute := moment.replace(tzinfo=self._zone).astimezone(UTC)) <= until:
            if moment.month not in self._months or not self._on(moment):
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in self._hours:
                moment = moment.replace(minute=0) + timedelta(hours=1)
            else:
                if moment.minute in self._minutes:
                    yield absolute
                moment += timedelta(minutes=1)

    def _on(self, moment: datetime) -> bool:
        day, weekday = moment.day in self._days, moment.isoweekday() % 7 in self._weekdays
        return day or weekday if self._either else day and weekday

    def _set(self, field: str, low: int, high: int) -> frozenset[int]:
        found: set[int] = set()
        for part in field.split(","):
            said = _PART.fullmatch(part)
            if not said or (said[4] and said[2] and not said[3]):  # a step of one number says nothing
                raise self._bad()
            first = low if said[1] else int(said[2])
            last = high if said[1] else int(said[3] or said[2])
            if not low <= first <= last <= high or said[4] == "0":
                raise self._bad()
            found |= set(range(first, last + 1, int(said[4] or 1)))
        return frozenset(found)

    def _bad(self) -> Bad:
        return Bad(f"Schedule or time zone is invalid: {self._expression!r}.")


def _numbered(field: str, words: tuple[str, ...], first: int) -> str:
    for number, word in enumerate(words, first):
        field = field.replace(word, str(number))
    return field
