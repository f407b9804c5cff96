"""What a function app's timer triggers are told, and the time that a call is for. Standard library only.

The setting TOOLKIT_TIMERS says, as JSON, of each schedule: "timer" (what its function is called), "ncrontab",
"enabled", "name", "event", and the rest of what was put. `served` makes a function of each that is enabled.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

TOLD = "TOOLKIT_TIMERS"
RETRIES, PAUSE = 5, "00:00:05"  # of a call that failed: the same event, for the same time
FAR_DAYS = 366 * 9


def enabled(setting: str) -> list[dict[str, Any]]:
    """Those that fire, of the setting's text."""
    return [one for one in json.loads(setting or "[]") if one["enabled"]]


def event(told: Mapping[str, Any], past_due: bool, status: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """What arrives at the function."""
    moment = due(told["ncrontab"], past_due, status, now)
    return {"source": "toolkit.schedule", "schedule": told["name"], "time": moment, **told["event"]}


def due(ncrontab: str, past_due: bool, status: Mapping[str, Any] | None, now: datetime) -> str:
    """The scheduled time that a call is for (RFC 3339): the one that the host waited for. Of several that were missed
    it is the last, as everywhere."""
    named = str((status or {}).get("Next") or "")
    if named and not past_due:
        return _text(datetime.fromisoformat(named.replace("Z", "+00:00")))
    return _text(latest(ncrontab, now + timedelta(seconds=1)))  # clocks differ: it may come a moment early


def latest(ncrontab: str, now: datetime) -> datetime:
    """The last time not after `now` of what `adapters.azure.ncrontab` wrote. ValueError where there is none."""
    highest = (60, 24, 32, 13, 7)
    fields = zip(ncrontab.split()[1:], highest, strict=True)
    minutes, hours, days, months, weekdays = (_numbers(field, most) for field, most in fields)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(FAR_DAYS):
        if day.month in months and day.day in days and day.isoweekday() % 7 in weekdays:
            found = (day.replace(hour=hour, minute=minute) for hour in hours for minute in minutes)
            if past := [moment for moment in found if moment <= now]:
                return max(past)
        day -= timedelta(days=1)
    raise ValueError(f"{ncrontab} has no time before {now}")


def _numbers(field: str, most: int) -> Collection[int]:
    return range(most) if field == "*" else [int(number) for number in field.split(",")]


def _text(moment: datetime) -> str:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
