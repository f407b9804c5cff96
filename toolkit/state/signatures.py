"""Signatures lie beside what they sign: `signatures/<digest of the subject>/<key id>-<4 digits>.json`, create-only.

Numbered and never overwritten, since a signature that has run out is followed by another of the same key. A reader
knows the digest and its trusted keys, so it needs no listing: one request finds the first signature of a key. An
envelope that somebody else put there is worth nothing: what counts is `domain.trust.verify`.
"""

from __future__ import annotations

from collections.abc import Iterator

from toolkit.domain.errors import NotFound, Untrusted
from toolkit.domain.trust import Expected, Statement, TrustRoot, verify
from toolkit.ports.store import Store
from toolkit.state import commit, keys
from toolkit.state.patience import patiently

MOST = 100  # signatures of one key under one digest that are looked at


class Signatures:
    """Of one subject: a model (the digest of its manifest) or a bundle (its own)."""

    def __init__(self, store: Store, subject: str) -> None:
        self._store = store
        self._subject = subject

    def put(self, key: str, envelope: bytes) -> str:
        """Keep `envelope` under the next free number of `key`; where it lies."""
        for number in range(1, MOST + 1):
            place = keys.signature(self._subject, key, number)
            if commit.create(self._store, place, envelope).data == envelope:
                return place
        raise Untrusted(f"{self._subject[:12]} has {MOST} signatures of key {key} already", hint="toolkit keys rotate")

    def of(self, key: str) -> Iterator[bytes]:
        """Every envelope of `key`, oldest first."""
        for number in range(1, MOST + 1):
            try:
                yield patiently(lambda n=number: self._store.get(keys.signature(self._subject, key, n))).data  # type: ignore[misc]
            except NotFound:
                return

    def verified(self, root: TrustRoot, expected: Expected, *, now: str) -> Statement:
        """The first statement that holds. Untrusted: there is none; the message is about the last one looked at."""
        last: Untrusted | None = None
        for key in sorted(root.keys, key=lambda k: bool(k.revoked)):
            for envelope in self.of(key.id):
                try:
                    return verify(envelope, root, expected, now=now)
                except Untrusted as error:
                    last = last or error
        if last is not None:
            raise last
        known = ", ".join(key.id for key in root.keys) or "none"
        raise Untrusted(
            f"not trusted: {expected} has no signature of a trusted key ({known})",
            hint=f"toolkit keys sign {expected.version}, if it is what you want to serve",
        )
