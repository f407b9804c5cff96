"""Events that could not be read, put aside for people: delivered again on the same day they are one object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, ClassVar

from toolkit.domain import codec, digest
from toolkit.domain.codec import Record
from toolkit.domain.errors import AlreadyExists
from toolkit.ports.store import CREATE, Store
from toolkit.state import keys

MOST_BYTES = 64 * 1024  # of an event that is kept
MOST = 1_000  # that are counted


class DeadLetter(Record, frozen=True, kw_only=True):
    """`event` is its JSON, or its repr where it has none, cut where it is long."""

    KIND: ClassVar[str] = "dead-letter"

    received: str
    why: str
    event: str


def put(store: Store, target: str, endpoint: str, event: Any, why: str, time: str) -> str:
    """Keep it; the key."""
    text = _text(event)
    key = keys.deadletter(target, endpoint, time[:10], digest.of_bytes(text.encode())[:32])
    letter = DeadLetter(received=time, why=why, event=text[:MOST_BYTES])
    with suppress(AlreadyExists):
        store.put(key, codec.encode(letter), CREATE)
    return key


def count(store: Store, target: str, endpoint: str) -> int:
    """How many there are, at most MOST."""
    return sum(1 for _ in islice(store.list(keys.deadletters(target, endpoint)), MOST))


def latest(store: Store, target: str, endpoint: str, most: int = 3) -> Iterator[DeadLetter]:
    """Those of the last days, newest first, of the first MOST."""
    names = [meta.key for meta in islice(store.list(keys.deadletters(target, endpoint)), MOST)]
    for key in names[: -most - 1 : -1]:
        yield codec.decode(store.get(key).data, DeadLetter, where=key)


def _text(event: Any) -> str:
    try:
        return json.dumps(event, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return repr(event)[:MOST_BYTES]
