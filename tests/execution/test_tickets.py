"""Of many who take a ticket one gets it; one that ran out is taken over; a lost reply is no lost ticket."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest

from toolkit.bootstrap.opening import open_port
from toolkit.domain import times
from toolkit.domain.specs import Binding
from toolkit.execution import tickets
from toolkit.execution.tickets import Ticket, Tickets
from toolkit.ports.store import Store
from toolkit.testing.faults import FaultyStore, lossy


def held() -> Store:
    store: Store = open_port("store", Binding(provider="memory", settings={"name": uuid4().hex}))
    return store


def test_one_of_many_gets_it() -> None:
    store = held()
    got: list[Ticket] = []

    def take(seed: int) -> None:
        if ticket := Tickets(FaultyStore(store, lossy(0.3, seed)), "s").take("a"):
            got.append(ticket)

    threads = [threading.Thread(target=take, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_one_that_ran_out_is_taken_over_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    store = held()
    assert Tickets(store, "s").take("a")
    assert Tickets(store, "s").take("a") is None
    later = times.text(times.parse(times.now()) + timedelta(seconds=tickets.SECONDS + 1))
    monkeypatch.setattr("toolkit.domain.times.now", lambda: later)
    assert [bool(Tickets(store, "s").take("a")) for _ in range(3)] == [True, False, False]


def test_one_that_was_given_back_can_be_taken_at_once() -> None:
    store = held()
    first = Tickets(store, "s").take("a")
    assert first is not None
    Tickets(store, "s").give_back("a", first)
    second = Tickets(store, "s").take("a")
    assert second is not None
    Tickets(store, "s").give_back("a", first)  # not its own any more
    assert Tickets(store, "s").take("a") is None
