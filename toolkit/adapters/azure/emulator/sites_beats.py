"""NCRONTAB as the Functions host reads it: six fields with seconds, UTC, and a day that fits both of its fields.
Written apart from the adapter, which has to speak it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from toolkit.adapters.azure.emulator.jobs_beats import DAYS, FAR, MONTHS, Bad, values

_RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_NAMES = ((), (), (), (), MONTHS, DAYS)


class Beat:
    """Raises Bad, as the host does with what it calls not recognized."""

    def __init__(self, expression: str) -> None:
        fields = expression.upper().split()
        if len(fields) != len(_RANGES):
            raise Bad(f"The schedule expression '{expression}' was not recognized as a valid cron expression.")
        self._seconds, self._minutes, self._hours, self._days, self._months, self._weekdays = (
            values(field, low, high, names) for field, (low, high), names in zip(fields, _RANGES, _NAMES, strict=True)
        )

    def between(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Every time in (since, until]."""
        moment = since.replace(second=0, microsecond=0)
        until = min(until, since + FAR)
        while moment <= until:
            if moment.month not in self._months or not self._by_day(moment):
                moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
            elif moment.hour not in self._hours:
                moment = moment.replace(minute=0) + timedelta(hours=1)
            else:
                if moment.minute in self._minutes:
                    found = (moment.replace(second=second) for second in sorted(self._seconds))
                    yield from (one for one in found if since < one <= until)
                moment += timedelta(minutes=1)

    def after(self, moment: datetime) -> datetime | None:
        return next(self.between(moment, moment + FAR), None)

    def _by_day(self, moment: datetime) -> bool:
        return moment.day in self._days and moment.isoweekday() % 7 in self._weekdays
