"""New data: an object that came into the store, as an event tells it; and the watch that sends such events."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_STORE = "store:"


class NewData(msgspec.Struct, frozen=True, kw_only=True):
    """`version` tells this content from any other that the object had or will have; `time` is when it came (RFC 3339).

    The same one may be told several times, late, and after a later one.
    """

    uri: str
    version: str
    time: str = ""

    @property
    def reason(self) -> str:
        """Why a run was started for it: equal for every delivery of the same content."""
        return f"new data {self.uri}@{self.version}"


class WatchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Calls a function with the provider's own event for each object that is written under `prefix` of the store."""

    name: str
    prefix: str
    function: str


def prefixes(sources: Iterable[str]) -> tuple[str, ...]:
    """The folders of the store that `data.source` and `data.tables` read, without those inside another one."""
    found = set()
    for source in sources:
        if source.startswith(_STORE):
            plain = re.split(r"[*?\[]", source.removeprefix(_STORE), maxsplit=1)[0]
            found.add(plain if plain == source.removeprefix(_STORE) else plain[: plain.rfind("/") + 1])
    return tuple(sorted(p for p in found if not any(p != q and p.startswith(q) for q in found)))
