"""Portable schedules in Cloud Scheduler's words.

Its unix-cron has our five fields and reads them in the time zone that a job names (ours: UTC). Months and days of the
week go over as numbers, steps in a range as lists, and a list with a star as a star: what its documentation leaves open
is not used. It fires where either the day of month or the day of the week fits; the portable grammar has only one.
"""

from __future__ import annotations

from toolkit.domain import schedule

ZONE = "Etc/UTC"
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def expression(portable: str) -> str:
    """ConfigError for what is not portable."""
    minute, hour, day, month, weekday = schedule.parse(portable).cron.split(" ")
    months, days = _numbered(month, _MONTHS, 1), _numbered(weekday, _DAYS, 0)
    return " ".join(_field(field) for field in (minute, hour, day, months, days))


def _numbered(field: str, words: tuple[str, ...], first: int) -> str:
    for number, word in enumerate(words, first):
        field = field.replace(word, str(number))
    return field


def _field(text: str) -> str:
    parts = text.split(",")
    if {"*", "*/1"} & set(parts):
        return "*"
    return ",".join(_part(part) for part in parts)


def _part(part: str) -> str:
    base, slash, step = part.partition("/")
    if not slash or base == "*":
        return part
    low, high = (int(number) for number in base.split("-"))
    return ",".join(str(number) for number in range(low, high + 1, int(step)))
