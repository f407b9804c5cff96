"""EventBridge's expressions as times: cron(...) with its six fields, rate(...) from when it was set, at(...) once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7), (1970, 2199))
_FAR = timedelta(days=366 * 9)  # every date that there is comes within nine years


class Bad(ValueError):
    """Not an expression; in AWS's words."""


class Beat:
    """Raises Bad."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._rate = self._at = None
        if rate := _RATE.fullmatch(expression):
            count, unit = int(rate[1]), rate[2].rstrip("s")
            if count == 0 or (count == 1) == rate[2].endswith("s"):
                raise self._bad()
            self._rate = timedelta(**{f"{unit}s": count})
        elif expression.startswith("at(") and expression.endswith(")"):
            try:
                self._at = datetime.fromisoformat(expression[3:-1]).replace(tzinfo=UTC)
            except ValueError as error:
                raise self._bad() from error
        elif expression.startswith("cron(") and expression.endswith(")"):
            self._cron(expression[5:-1].upper().split(" "))
        else:
            raise self._bad()

    def between(self, since: datetime, until: datetime, begun: datetime) -> Iterator[datetime]:
        """Every time in (since, until]; `begun` is when the schedule was set, which a rate counts from."""
        if self._at:
            yield from [self._at] if since < self._at <= until else []
        elif self._rate:
            beat = begun.replace(second=0, microsecond=0)
            beat += self._rate * max(0, (since - beat) // self._rate)
            while (beat := beat + self._rate) <= until:
                yield beat
        else:
            yield from self._cron_between(since, until)

    def _cron(self, fields: list[str]) -> None:
        if len(fields) != 6 or (fields[2] == "?") == (fields[4] == "?"):
            raise self._bad()
        numbered = [*fields[:3], _numbered(fields[3], _MONTHS), _numbered(fields[4], _DAYS), fields[5]]
        self._sets = [
            frozenset(range(low, high + 1)) if field in {"*", "?"} else self._set(field, low, high)
            for field, (low, high) in zip(numbered, _RANGES, strict=True)
        ]

    def _set(self, field: str, low: int, high: int) -> frozenset[int]:
        found: set[int] = set()
        for part in field.split(","):
            base, slash, step = part.partition("/")
            first, dash, last = base.partition("-")
            if not all(text.isdigit() for text in (first, *([last] if dash else []), *([step] if slash else []))):
                raise self._bad()
            begin, end = int(first), int(last) if dash else high if slash else int(first)
            if not low <= begin <= end <= high or (slash and int(step) == 0):
                raise self._bad()
            found |= set(range(begin, end + 1, int(step or 1)))
        return frozenset(found)

    def _cron_between(self, since: datetime, until: datetime) -> Iterator[datetime]:
        minutes, hours, days, months, weekdays, years = self._sets
        moment = since.replace(second=0, microsecond=0) + timedelta(minutes=1)
        until = min(until, since + _FAR)
        while moment <= until:
            fits = moment.day in days and moment.isoweekday() % 7 + 1 in weekdays
            if moment.year not in years or moment.month not in months or not fits:
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in hours:
                moment = moment.replace(minute=0) + timedelta(hours=1)
            else:
                if moment.minute in minutes:
                    yield moment
                moment += timedelta(minutes=1)

    def _bad(self) -> Bad:
        return Bad(f"Invalid Schedule Expression {self._expression}.")


def _numbered(field: str, words: tuple[str, ...]) -> str:
    for number, word in enumerate(words, 1):
        field = field.replace(word, str(number))
    return field
