"""Prediction ids: 12 hex digits of the event's time in milliseconds, 10 random ones, "-" and the row.

They sort by time, are unique without a counter that a fork or a restored snapshot would repeat, cost a microsecond,
and carry the event's time, so that a label that comes back weeks later is filed with the day of its prediction without
looking anything up. `0140b5fd4c00a1b2c3d4e5-0` is row 0 of a request.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

PATTERN = "([0-9a-f]{12})[0-9a-f]{10}-(0|[1-9][0-9]{0,6})"
_LATEST = 253_402_300_799_999  # the last millisecond of the year 9999
LENGTH = 22  # of the part that the rows of a request share


def prefix(moment_ms: int) -> str:
    """What the ids of one request share. `moment_ms` is milliseconds since 1970."""
    return f"{moment_ms:012x}{os.urandom(5).hex()}"


def moment_ms(prediction_id: str) -> int | None:
    """The event's time in the id, or None if this is no id of ours."""
    found = re.fullmatch(PATTERN, prediction_id)
    if found is None:
        return None
    moment = int(found[1], 16)
    return moment if moment <= _LATEST else None


def hour(moment_ms: int) -> int:
    """The hourly window a moment falls into: whole hours since 1970."""
    return moment_ms // 3_600_000


def start_of_hour(hour: int) -> str:
    """Its first moment: '2013-07-01T12:00:00Z'."""
    return datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(moment_ms: int) -> str:
    """The day a moment falls into, as its first moment: '2013-07-01T00:00:00Z'."""
    return start_of_hour(moment_ms // 86_400_000 * 24)
