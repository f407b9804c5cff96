"""Portable schedules as NCRONTAB, the timer triggers' own: {second} {minute} {hour} {day} {month} {day of week}. Pure.

Every field is written out in numbers, so that nothing is left to how a reader takes names, steps or Sunday (0 here; 7
is none). NCRONTAB wants the day of the month and the day of the week both to fit: the portable grammar has one of them
only. Times are UTC: Flex Consumption has no other.
"""

from __future__ import annotations

from toolkit.domain.schedule import parse

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 6, _DAYS),
)  # fmt: skip


def expression(portable: str) -> str:
    """ConfigError for what is not portable."""
    fields = parse(portable).cron.split(" ")
    return " ".join(("0", *(_field(text, *of) for text, of in zip(fields, _FIELDS, strict=True))))


def _field(text: str, low: int, high: int, names: tuple[str, ...]) -> str:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin = low if first == "*" else _number(first, low, names)
        end = high if first == "*" else _number(last, low, names) if last else begin
        found |= set(range(begin, end + 1, int(step or 1)))
    return "*" if len(found) == high - low + 1 else ",".join(map(str, sorted(found)))


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(text) + low if text in names else int(text)
