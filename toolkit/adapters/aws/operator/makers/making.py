"""What every maker is, and the words that they share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from toolkit.adapters.aws.errors import code, translated
from toolkit.adapters.aws.operator.things import Thing
from toolkit.domain.errors import NotFound, ToolkitError, Unavailable

Properties = dict[str, Any]
Client = Callable[[str], Any]
SETTLE_SECONDS, SETTLE_STEP = 60.0, 1.0


class Maker(Protocol):
    def read(self, thing: Thing) -> Properties | None: ...

    def create(self, thing: Thing) -> None: ...

    def update(self, thing: Thing, found: Properties) -> None: ...


def found(what: str, call: Callable[[], Any], missing: tuple[str, ...] = ()) -> Any:
    """`call()`, or None where AWS says that there is none (`missing`: its further words for that)."""
    try:
        with translated(what):
            return call()
    except ToolkitError as error:
        if isinstance(error, NotFound) or code(error) in missing:
            return None
        raise


def settled(what: str, ready: Callable[[], bool]) -> None:
    """Wait until AWS has made it. Unavailable after a minute."""
    end = time.monotonic() + SETTLE_SECONDS
    while not ready():
        if time.monotonic() > end:
            raise Unavailable(f"{what} is not ready after {SETTLE_SECONDS:.0f} s", hint="run the same command again")
        time.sleep(SETTLE_STEP)


def listed(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def named(tags: Any) -> dict[str, str]:
    """Tags of either shape as a plain mapping."""
    if isinstance(tags, dict):
        return dict(tags)
    return {tag.get("Key", tag.get("key")): tag.get("Value", tag.get("value")) for tag in tags or ()}
