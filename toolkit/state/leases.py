"""One at a time: a lease with an epoch, taken by compare-and-swap.

Time is the store's own: when the lease was last written (`Meta.modified`) against when a probe is written now, so that
two machines with wrong clocks do not both hold it. The epoch grows with every new holder and is the fencing token: what
a holder does afterwards can carry it, and work of an older epoch can be told and refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

import msgspec

from toolkit.domain import codec, times
from toolkit.domain.errors import Conflict, Locked, NotFound
from toolkit.ports.store import OVERWRITE, Object, Store
from toolkit.state import commit, keys
from toolkit.state.patience import patiently

GRACE_SECONDS = 2.0  # stores tell time in whole seconds


class Lease(codec.Record, frozen=True, kw_only=True):
    """`nonce` names this taking of it, `revision` counts the writes: equal bytes are never written twice."""

    KIND: ClassVar[str] = "lease"

    name: str
    holder: str
    epoch: int
    revision: int
    nonce: str
    seconds: float
    released: bool = False


class Leases:
    def __init__(self, store: Store) -> None:
        self._store = store

    def acquire(self, name: str, holder: str, seconds: float) -> Lease:
        """Take it for `seconds` from now. Locked: by whom and until when. CommitUnknown: it ends by itself in time."""
        seen, before = self._read(name)
        if before is not None and seen is not None and not before.released:
            self._require_expired(seen, before)
        wanted = Lease(
            name=name,
            holder=holder,
            epoch=before.epoch + 1 if before else 1,
            revision=before.revision + 1 if before else 1,
            nonce=uuid.uuid4().hex,
            seconds=seconds,
        )
        after, now = self._swap(wanted, seen)
        if now.nonce != wanted.nonce:
            raise _locked(after, now)
        return now

    def renew(self, lease: Lease) -> Lease:
        """Its time begins anew. Conflict when somebody else holds it by now (then stop what it protects)."""
        return self._update(lease, released=False)

    def release(self, lease: Lease) -> None:
        """Give it back. Nothing happens when somebody else holds it by now."""
        try:
            self._update(lease, released=True)
        except Conflict:
            return

    def require(self, lease: Lease) -> None:
        """Conflict unless `lease` is still the latest taking of its name (the fencing check)."""
        _, now = self._read(lease.name)
        if now is None or now.nonce != lease.nonce or now.released:
            raise _superseded(lease, now)

    def current(self, name: str) -> Lease | None:
        """The last one written, expired or not; None when nobody has it."""
        _, now = self._read(name)
        return None if now is None or now.released else now

    @contextmanager
    def hold(self, name: str, holder: str, seconds: float) -> Iterator[Lease]:
        """Acquire, and release at the end. A body longer than `seconds` has to `renew`."""
        lease = self.acquire(name, holder, seconds)
        try:
            yield lease
        finally:
            self.release(lease)

    def _update(self, lease: Lease, *, released: bool) -> Lease:
        seen, now = self._read(lease.name)
        if now is None or now.nonce != lease.nonce or now.released:
            if released and now is not None and now.nonce == lease.nonce:
                return now  # given back already: the reply was lost
            raise _superseded(lease, now)
        wanted = msgspec.structs.replace(now, revision=now.revision + 1, released=released)
        _, after = self._swap(wanted, seen)
        if after.nonce != lease.nonce or after.released != released:
            raise _superseded(lease, after)
        return after

    def _read(self, name: str) -> tuple[Object | None, Lease | None]:
        key = keys.lease(name)
        try:
            found = patiently(lambda: self._store.get(key))
        except NotFound:
            return None, None
        return found, codec.decode(found.data, Lease, where=key)

    def _swap(self, wanted: Lease, seen: Object | None) -> tuple[Object, Lease]:
        key = keys.lease(wanted.name)
        found = commit.swap(self._store, key, codec.encode(wanted), seen)
        return found, codec.decode(found.data, Lease, where=key)

    def _require_expired(self, seen: Object, lease: Lease) -> None:
        probe = patiently(lambda: self._store.put(keys.lease_clock(lease.name), uuid.uuid4().hex.encode(), OVERWRITE))
        age = (times.parse(probe.modified) - times.parse(seen.meta.modified)).total_seconds()
        if age < lease.seconds + GRACE_SECONDS:
            raise _locked(seen, lease)


def _locked(found: Object, lease: Lease) -> Locked:
    until = times.text(times.parse(found.meta.modified) + timedelta(seconds=lease.seconds))
    return Locked(
        f"{lease.name} is held by {lease.holder or 'someone'} until {until} (epoch {lease.epoch})",
        hint="wait for it to end, or run the same command again after that time",
    )


def _superseded(lease: Lease, now: Lease | None) -> Conflict:
    who = f"{now.holder} has it with epoch {now.epoch}" if now and not now.released else "nobody has it"
    return Conflict(f"lease {lease.name} of {lease.holder} (epoch {lease.epoch}) is over: {who}")
