"""When a schedule fires: one small grammar that every provider can express, and the moments it gives.

`rate(5 minutes)` is short for the cron line with the same beat (`*/5 * * * *`), so that a schedule fires at the same
moments on every provider, and at the same ones after a restart. Times are UTC. What EventBridge, Cloud Scheduler and
Azure's NCRONTAB cannot all express is refused here, with the reason, while planning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import ScheduleSpec

_RATE = re.compile(r"rate\(\s*([0-9]{1,6})\s+(minute|hour|day)s?\s*\)")
_EVEN = {"minute": (60, "hour"), "hour": (24, "day")}
_SIZES = (60, 24, 31, 12, 7)
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_HINT = 'write "rate(5 minutes)", "rate(1 hour)", "rate(1 day)" or five cron fields such as "30 6 * * MON-FRI"'
_PROBE = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Schedule:
    """`expression` as written; `cron` its five fields, upper case, one space between them: what an adapter renders."""

    expression: str
    cron: str

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Every time later than `moment`, without end, in UTC."""
        yield from _times(self.cron, moment.astimezone(UTC))

    def latest(self, moment: datetime) -> datetime:
        """The last time that is not later than `moment`."""
        # One microsecond past the second: cronsim then counts that second itself, which it else would skip.
        return next(_times(self.cron, moment.astimezone(UTC).replace(microsecond=1), reverse=True))

    def due(self, since: datetime, now: datetime) -> datetime | None:
        """The time to fire for at `now`, if any fell in (since, now]. Several missed ones collapse into the last."""
        latest = self.latest(now)
        return latest if latest > since else None


def parse(expression: str) -> Schedule:
    """ConfigError says which part is wrong or which provider could not keep it."""
    text = " ".join(expression.split())
    if text.startswith("rate"):
        return Schedule(expression, _from_rate(text))
    cron = text.upper()
    _portable(expression, cron)
    _valid(expression, cron)
    return Schedule(expression, cron)


def event(spec: ScheduleSpec, moment: datetime) -> dict[str, Any]:
    """What arrives at the function when `spec` fires for `moment`."""
    return {"source": "toolkit.schedule", "schedule": spec.name, "time": times.text(moment), **spec.event}


def _from_rate(text: str) -> str:
    match = _RATE.fullmatch(text)
    if not match or int(match[1]) == 0:
        raise ConfigError(f"schedule {text!r} is not a rate", hint=_HINT)
    count, unit = int(match[1]), match[2]
    for small, (size, large) in _EVEN.items():
        if unit == small and count % size == 0:
            count, unit = count // size, large
    if unit == "day":
        if count not in {1, 7}:
            raise _refused(text, "only every day or every 7 days has an even beat in cron, which counts days by month")
        return "0 0 * * *" if count == 1 else "0 0 * * SUN"
    size, large = _EVEN[unit]
    if size % count:
        raise _refused(text, f"{size} {unit}s are not a multiple of {count}, and cron starts anew with each {large}")
    step = "*" if count == 1 else f"*/{count}"
    return f"{step} * * * *" if unit == "minute" else f"0 {step} * * *"


def _portable(expression: str, cron: str) -> None:
    if cron.startswith("@"):
        raise _refused(expression, "EventBridge and NCRONTAB have no @ words")
    fields = cron.split(" ")
    if len(fields) < 5:
        raise ConfigError(f"schedule {expression!r} is neither a rate nor five cron fields", hint=_HINT)
    if len(fields) > 5:
        raise _refused(expression, f"it has {len(fields)} fields; seconds and years are not offered everywhere")
    if odd := re.search(r"[^A-Z0-9*,/ -]", cron):
        raise _refused(expression, f"{odd[0]!r} means something only to some of them")
    for name, size, field in zip(_FIELDS, _SIZES, fields, strict=True):
        for part in field.split(","):
            _portable_part(expression, name, size, part)
    if fields[2] != "*" and fields[4] != "*":
        raise _refused(
            expression,
            "with both a day of month and a day of week, Cloud Scheduler fires on either, NCRONTAB on both together, "
            "and EventBridge takes only one",
        )


def _portable_part(expression: str, name: str, size: int, part: str) -> None:
    base, slash, step = part.partition("/")
    if re.search(r"\dL|^LW?$|\dW$", base):
        raise _refused(expression, f"L and W ({name} {part!r}) are EventBridge's only")
    numbers = {int(number) for number in base.split("-") if number.isdigit()}
    if slash and base != "*" and len(numbers) < 2:
        # cronsim, too, takes 5-5/15 for 5/15 and that for 5-59/15; others take both for 5 alone.
        raise _refused(expression, f"{name} {part!r}: a step needs * or a range of two different numbers before it")
    if slash and step.isdigit() and int(step) > size:
        raise _refused(expression, f"{name} {part!r}: the step is longer than the field")
    if name == "day of week" and 7 in numbers:
        raise _refused(expression, "7 is Sunday only to some of them; write SUN or 0")


def _valid(expression: str, cron: str) -> None:
    from cronsim import CronSimError

    try:
        next(_times(cron, _PROBE))
    except CronSimError as error:
        raise ConfigError(f"schedule {expression!r} is not valid: {error}", hint=_HINT) from error
    except StopIteration as error:
        raise ConfigError(f"schedule {expression!r} never fires", hint=_HINT) from error


def _times(cron: str, moment: datetime, *, reverse: bool = False) -> Iterator[datetime]:
    from cronsim import CronSim

    found: Iterator[datetime] = CronSim(cron, moment, reverse=reverse)
    return found


def _refused(expression: str, why: str) -> ConfigError:
    return ConfigError(f"schedule {expression!r} cannot be kept by every provider: {why}", hint=_HINT)
