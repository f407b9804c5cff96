"""Of many who submit a job of one name, one does: a create-only object in the bucket says who.

For providers that start a job without regard to its name (AWS Batch has no name that two jobs could not have, a
Container Apps job is started as often as it is asked to). Whoever makes the ticket of a name submits; the others wait
until the job can be seen. A ticket that ran out (its holder died between the two) is taken over by a swap. What is
left: a holder that was stopped for longer than a ticket lasts and then goes on makes a second job, and the run's own
claim lets only one of the two do anything.

A target whose bucket is not the provider's has no tickets, and only that claim.
"""

from __future__ import annotations

import secrets
import time
from datetime import timedelta

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import AlreadyExists, NotFound, PreconditionFailed, Unavailable
from toolkit.ports.store import CREATE, Match, Mode, Store

SECONDS = 30.0  # longer than one submission may take, with its retries


class Ticket(msgspec.Struct, frozen=True):
    """`until` is the holder's own clock; "" once it is given back."""

    holder: str
    until: str


class Tickets:
    """`scope` keeps the targets of one bucket apart: equal work has equal names on all of them."""

    def __init__(self, store: Store, scope: str) -> None:
        self._store = store
        self._scope = scope

    def take(self, name: str) -> Ticket | None:
        """A ticket for this caller, or None while somebody else holds it."""
        mine = Ticket(secrets.token_hex(8), _later(SECONDS))
        try:
            return self._write(name, mine, CREATE)
        except AlreadyExists:
            pass
        try:
            found = self._store.get(self._key(name))
        except NotFound:
            return None
        held = msgspec.json.decode(found.data, type=Ticket)
        if held.until > times.now():
            return None
        try:
            return self._write(name, mine, Match(found.meta.etag))
        except PreconditionFailed:
            return None

    def give_back(self, name: str, ticket: Ticket | None = None) -> None:
        """For a submission that certainly did not happen, or a job that was deleted: the next one need not wait."""
        try:
            found = self._store.get(self._key(name))
            holder = msgspec.json.decode(found.data, type=Ticket).holder
            if ticket is None or ticket.holder == holder:
                self._write(name, Ticket(holder, ""), Match(found.meta.etag))
        except (NotFound, PreconditionFailed, Unavailable):
            return

    def _write(self, name: str, ticket: Ticket, mode: Mode) -> Ticket:
        """Its outcome known, also where the reply was lost: the object says whose it is."""
        for patience in (0.1, 0.4, 1.0, None):
            try:
                self._store.put(self._key(name), msgspec.json.encode(ticket), mode)
                return ticket
            except (Unavailable, AlreadyExists, PreconditionFailed) as error:
                if self._is(name, ticket):
                    return ticket
                if not isinstance(error, Unavailable) or patience is None:
                    raise
                time.sleep(patience)
        raise AssertionError("unreachable")

    def _key(self, name: str) -> str:
        return f"leases/jobs/{self._scope}/{name}.json"

    def _is(self, name: str, ticket: Ticket) -> bool:
        try:
            return msgspec.json.decode(self._store.get(self._key(name)).data, type=Ticket) == ticket
        except (NotFound, Unavailable):
            return False


def _later(seconds: float) -> str:
    return times.text(times.parse(times.now()) + timedelta(seconds=seconds))
