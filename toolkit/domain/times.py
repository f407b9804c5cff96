"""Time as text: RFC 3339 UTC with microseconds and Z, so that it sorts and reads the same everywhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from toolkit.domain.errors import ConfigError

_DURATION = r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_SIZE = r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?"
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def now() -> str:
    return text(datetime.now(UTC))


def text(moment: datetime) -> str:
    """A naive datetime is taken as UTC."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise ConfigError(f"not a time: {value!r}", hint="write 2013-07-01 or 2013-07-01T12:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def seconds(duration: str) -> float:
    """'90s' -> 90.0; units ms, s, m, h, d, w."""
    match = re.fullmatch(_DURATION, duration.strip())
    if not match:
        raise ConfigError(f"not a duration: {duration!r}", hint="write 30s, 15m, 12h or 7d")
    return float(match[1]) * _SECONDS[match[2]]


def megabytes(size: str) -> int:
    """'512Mi' -> 512, '2Gi' -> 2048 (binary units; 'MB' is read as 'Mi')."""
    match = re.fullmatch(_SIZE, size.strip(), re.IGNORECASE)
    if not match:
        raise ConfigError(f"not a size: {size!r}", hint="write 512Mi or 2Gi")
    power = _POWERS[(match[2] or "").lower().rstrip("i")]
    value = float(match[1]) * 1024**power / 1024**2
    if value < 1:
        raise ConfigError(f"size {size!r} is under one mebibyte", hint="write 512Mi or 2Gi")
    return int(value)
