"""One of several processes that write to one bucket and may be killed at any moment.

    python hammer.py FOLDER NAME

Prints a line for everything that was acknowledged to it: `won N` (created race/N), `added N` (its own count in the
shared counter is N now); `torn KEY` for an object that is not what one writer wrote.
"""

import hashlib
import json
import os
import random
import sys

from toolkit.adapters.local.store import open_store
from toolkit.domain.errors import AlreadyExists, NotFound, PreconditionFailed
from toolkit.ports.store import CREATE, Match, Store


def sealed(text: str, padding: int) -> bytes:
    """A body that shows by itself whether it is whole."""
    body = f"{text}\n".encode() + os.urandom(1) * padding
    return hashlib.sha256(body).hexdigest().encode() + body


def whole(data: bytes) -> bool:
    return hashlib.sha256(data[64:]).hexdigest().encode() == data[:64]


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def create(store: Store, name: str, number: int) -> None:
    try:
        store.put(f"race/{number}", sealed(name, random.randrange(20_000)), CREATE)
        say(f"won {number}")
    except AlreadyExists:
        if not whole(store.get(f"race/{number}").data):
            say(f"torn race/{number}")


def overwrite(store: Store, name: str) -> None:
    key = f"shared/{random.randrange(3)}"
    store.put(key, sealed(name, random.randrange(100_000)))
    if not whole(store.get(key).data):
        say(f"torn {key}")


def add(store: Store, name: str) -> None:
    while True:
        found = store.get("counter")
        counts: dict[str, int] = json.loads(found.data)
        counts[name] = counts.get(name, 0) + 1
        try:
            store.put("counter", json.dumps(counts).encode(), Match(found.meta.etag))
        except PreconditionFailed:
            continue
        say(f"added {counts[name]}")
        return


def main(folder: str, name: str) -> None:
    store = open_store({"store": folder})
    number = 0
    while True:
        # Always at the edge of what has been created, so that all of them race for the same keys.
        try:
            while True:
                store.head(f"race/{number}")
                number += 1
        except NotFound:
            create(store, name, number)
        overwrite(store, name)
        add(store, name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
