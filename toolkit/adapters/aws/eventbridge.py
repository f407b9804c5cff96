"""Portable schedules in EventBridge's words.

EventBridge's cron has a sixth field (years), counts days of the week from 1 (Sunday), wants `?` in the day field that
says nothing, and takes at most 256 characters. Days of the week go over as names, and steps in a range as lists: what
its documentation leaves open is not used.
"""

from __future__ import annotations

from toolkit.domain import schedule

_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIRST = (0, 0, 1, 1)  # minute, hour, day of month, month


def expression(portable: str) -> str:
    """ConfigError for what is not portable."""
    minute, hour, day, month, weekday = schedule.parse(portable).cron.split(" ")
    fields = [_field(field, first) for field, first in zip((minute, hour, day, month), _FIRST, strict=True)]
    if weekday == "*":
        return f"cron({' '.join(fields)} ? *)"
    fields[2] = "?"
    return f"cron({' '.join(fields)} {_weekdays(weekday)} *)"


def _field(text: str, first: int) -> str:
    parts = text.split(",")
    if {"*", "*/1"} & set(parts):  # EventBridge's lists hold no star
        return "*"
    return ",".join(_part(part, first) for part in parts)


def _part(part: str, first: int) -> str:
    base, slash, step = part.partition("/")
    if not slash or step == "1":
        return base
    if base == "*":
        return f"{first}/{step}"
    low, high = (int(number) for number in base.split("-"))
    return ",".join(str(number) for number in range(low, high + 1, int(step)))


def _weekdays(text: str) -> str:
    chosen: set[int] = set()
    for part in text.split(","):
        base, _, step = part.partition("/")
        low, _, high = ("0-6" if base == "*" else base).partition("-")
        chosen |= set(range(_day(low), _day(high or low) + 1, int(step or 1)))
    return ",".join(_DAYS[day] for day in sorted(chosen))


def _day(text: str) -> int:
    return _DAYS.index(text) if text in _DAYS else int(text)
