"""One conditional write, three outcomes: won, lost, unknown.

A provider's "already there" may be about our own write whose reply was lost. So neither function here says who won:
they return what is in the store now, and the caller looks for its own mark (operation id, nonce) in it.
"""

from __future__ import annotations

from toolkit.domain.errors import AlreadyExists, CommitUnknown, NotFound, PreconditionFailed
from toolkit.ports.store import CREATE, Match, Mode, Object, Store
from toolkit.state.patience import FLEETING, attempts, patiently


def create(store: Store, key: str, data: bytes) -> Object:
    """What is at `key` afterwards: ours, or that of whoever was first. CommitUnknown."""
    return _write(store, key, data, CREATE)


def swap(store: Store, key: str, data: bytes, seen: Object | None) -> Object:
    """What is at `key` after trying to put `data` over `seen` (None: where nothing was). CommitUnknown.

    `data` must differ from every other write ever made there (carry a nonce), or equal bytes could be taken for ours.
    """
    return _write(store, key, data, CREATE if seen is None else Match(seen.meta.etag))


def _write(store: Store, key: str, data: bytes, mode: Mode) -> Object:
    cause: Exception | None = None
    for _ in attempts():
        try:
            return Object(meta=store.put(key, data, mode), data=data)
        except (AlreadyExists, PreconditionFailed, *FLEETING) as error:
            cause = error
        found = _read_back(store, key, cause)
        if found is not None and not (isinstance(mode, Match) and found.meta.etag == mode.etag):
            return found
        # Nothing there, or what we wanted to replace still is: not applied so far, so the same write is tried again.
    raise CommitUnknown(f"writing {key} got no answer: {cause}", hint="run the same command again") from cause


def _read_back(store: Store, key: str, cause: Exception) -> Object | None:
    try:
        return patiently(lambda: store.get(key))
    except NotFound:
        return None
    except FLEETING as error:
        message = f"writing {key} got no answer ({cause}), nor did reading it back: {error}"
        raise CommitUnknown(message, hint="run the same command again") from error
