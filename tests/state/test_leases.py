import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain import times
from toolkit.domain.errors import Conflict, Locked, NewerFormat
from toolkit.state import keys
from toolkit.state.leases import GRACE_SECONDS, Lease, Leases

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(store: MemoryStore) -> None:
    turn(store, 0)


def turn(store: MemoryStore, seconds: float) -> None:
    """Set the store's clock; nobody else's counts."""
    time = times.text(START + timedelta(seconds=seconds))
    store.clock = lambda: time


def test_one_holder_at_a_time(store: MemoryStore) -> None:
    leases = Leases(store)
    lease = leases.acquire("deploy-prod", "ann", 60)
    assert (lease.holder, lease.epoch, lease.seconds) == ("ann", 1, 60)
    with pytest.raises(Locked, match=r"held by ann until 2026-01-01T00:01:00.000000Z \(epoch 1\)"):
        leases.acquire("deploy-prod", "bob", 60)
    with pytest.raises(Locked):
        leases.acquire("deploy-prod", "ann", 60)
    assert leases.acquire("other", "bob", 60).epoch == 1
    leases.release(lease)
    assert leases.current("deploy-prod") is None
    assert leases.acquire("deploy-prod", "bob", 60).epoch == 2


def test_it_ends_by_the_stores_clock(store: MemoryStore) -> None:
    leases = Leases(store)
    old = leases.acquire("x", "ann", 60)
    turn(store, 60 + GRACE_SECONDS - 0.1)
    with pytest.raises(Locked):
        leases.acquire("x", "bob", 60)
    turn(store, 60 + GRACE_SECONDS)
    new = leases.acquire("x", "bob", 60)
    assert new.epoch == old.epoch + 1
    leases.require(new)
    with pytest.raises(Conflict, match="bob has it with epoch 2"):
        leases.require(old)
    with pytest.raises(Conflict):
        leases.renew(old)
    leases.release(old)
    assert leases.current("x") == new, "releasing what is lost takes nothing from the new holder"


def test_renewing_begins_its_time_anew(store: MemoryStore) -> None:
    leases = Leases(store)
    lease = leases.acquire("x", "ann", 60)
    turn(store, 50)
    renewed = leases.renew(lease)
    assert (renewed.epoch, renewed.nonce, renewed.revision) == (1, lease.nonce, 2)
    turn(store, 100)
    with pytest.raises(Locked):
        leases.acquire("x", "bob", 60)
    leases.require(lease)
    leases.release(lease)
    leases.release(renewed)
    with pytest.raises(Conflict, match="nobody has it"):
        leases.renew(renewed)


def test_hold_gives_it_back_even_after_an_error(store: MemoryStore) -> None:
    leases = Leases(store)
    inside = None
    with suppress(ValueError), leases.hold("x", "ann", 60):
        inside = leases.current("x")
        raise ValueError
    assert inside is not None
    assert leases.current("x") is None


@pytest.mark.parametrize("state", ["never held", "expired", "released"])
def test_of_many_at_once_one_gets_it(store: MemoryStore, state: str) -> None:
    if state != "never held":
        old = Leases(store).acquire("x", "old", 10)
        if state == "released":
            Leases(store).release(old)
        turn(store, 100)
    got: list[Lease] = []
    refused: list[Locked] = []
    gate = threading.Barrier(8)

    def take(number: int) -> None:
        gate.wait()
        try:
            got.append(Leases(store).acquire("x", f"writer{number}", 60))
        except Locked as error:
            refused.append(error)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert len(refused) == 7
    assert all(f"held by {got[0].holder}" in error.message for error in refused)
    assert got[0].epoch == (1 if state == "never held" else 2)


def test_a_newer_lease_is_refused(store: MemoryStore) -> None:
    Leases(store).acquire("x", "ann", 60)
    key = keys.lease("x")
    store.put(key, store.get(key).data.replace(b'"format":1', b'"format":2'))
    with pytest.raises(NewerFormat):
        Leases(store).acquire("x", "bob", 60)
