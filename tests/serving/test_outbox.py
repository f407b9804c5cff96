"""The queue to the store: in order, bounded, never written twice at once. (What capture makes of it: test_capture.)"""

from __future__ import annotations

import threading

import pytest

from toolkit.domain.errors import StorageFull
from toolkit.ports.store import Store
from toolkit.serving.outbox import Outbox, Parcel


class Slow:
    """Stands in front of a store; each write waits for `go` and may then fail."""

    def __init__(self, store: Store) -> None:
        self.put_there = store.put
        self.go = threading.Event()
        self.full = False
        self.at_once = 0
        self.most = 0

    def put(self, *arguments: object) -> object:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        self.go.wait(10)
        self.at_once -= 1
        if self.full:
            raise StorageFull("no space left")
        return self.put_there(*arguments)  # type: ignore[arg-type]


@pytest.fixture
def slow(store: Store) -> Slow:
    return Slow(store)


def parcels(outbox: Outbox, count: int) -> None:
    for number in range(count):
        outbox.put(Parcel(f"a/{number}", b"x", 10))


def test_one_thread_writes_in_order(store: Store, slow: Slow) -> None:
    outbox = Outbox(slow, 10)  # type: ignore[arg-type]
    parcels(outbox, 3)
    for _ in range(5):
        outbox.send()
    assert outbox.busy
    outbox.wait(0.01)
    assert len(outbox) == 3
    slow.go.set()
    outbox.wait(10)
    assert (len(outbox), outbox.busy, slow.most) == (0, False, 1)
    assert [meta.key for meta in store.list()] == ["a/0", "a/1", "a/2"]


def test_what_failed_stays_first(store: Store, slow: Slow, capsys: pytest.CaptureFixture[str]) -> None:
    outbox = Outbox(slow, 10)  # type: ignore[arg-type]
    slow.go.set()
    slow.full = True
    parcels(outbox, 2)
    outbox.send()
    outbox.wait(10)
    assert (len(outbox), outbox.failures, outbox.dropped) == (2, 1, 0)
    assert "no space left" in capsys.readouterr().err
    slow.full = False
    outbox.send()
    outbox.wait(10)
    assert [meta.key for meta in store.list()] == ["a/0", "a/1"]


def test_the_oldest_give_way(store: Store) -> None:
    outbox = Outbox(store, 2)
    parcels(outbox, 5)
    assert (len(outbox), outbox.dropped) == (2, 30)
    outbox.send()
    outbox.wait(10)
    assert [meta.key for meta in store.list()] == ["a/3", "a/4"]


def test_without_a_thread_nothing_is_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    outbox = Outbox(store, 2)
    parcels(outbox, 1)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_thread)
        outbox.send()
    assert (len(outbox), outbox.busy) == (1, False)
    assert "tried again" in capsys.readouterr().err
    outbox.send()
    outbox.wait(10)
    assert len(outbox) == 0
