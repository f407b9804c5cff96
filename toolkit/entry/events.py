"""What an event of the drift check asks for, read strictly: schedules, other tools and people send them, at least once.

    {"source": "toolkit.schedule", "do": "check"}                            a window that ends at the event's time
    {..., "do": "rollout"}                                                   the rollout alone
    {..., "do": "retrain", "reason": "schedule"}                             a run, if the policy allows it

Known fields have to be what they are; unknown ones are left to newer versions.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import ConfigError

SOURCE = "toolkit.schedule"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """`time` is when it was due (RFC 3339): with the reason it is what makes two deliveries one event. `endpoint` ""
    is the function's own. `id` tells one wish of a person from the next."""

    source: str
    schedule: str = ""
    endpoint: str = ""
    do: Literal["check", "rollout", "retrain"] = "check"
    time: str = ""
    since: str = ""
    reason: Literal["schedule", "drift", "labels", "new data", "by hand"] = "schedule"
    id: str = ""


def read(event: Any, endpoint: str) -> Event:
    """ConfigError says what is wrong with it."""
    try:
        asked = msgspec.convert(event, Event)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ConfigError(f"not an event of this endpoint: {error}") from error
    if asked.source != SOURCE:
        raise ConfigError(f"not an event of this endpoint: it comes from {asked.source[:100]!r}")
    if asked.endpoint not in ("", endpoint):
        raise ConfigError(f"an event of another endpoint: {asked.endpoint[:100]!r}, this is {endpoint!r}")
    for moment in filter(None, (asked.time, asked.since)):
        times.parse(moment)
    if asked.do == "retrain" and not asked.time:
        raise ConfigError("an event that asks for a retrain needs a time: it tells it from others")
    return asked
