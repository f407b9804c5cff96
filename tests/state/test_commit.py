import pytest

from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import CommitUnknown, PermissionDenied
from toolkit.ports.store import OVERWRITE, Meta, Mode
from toolkit.state import commit
from toolkit.testing.faults import Fault, FaultyStore


class FalseConflict(MemoryStore):
    """As the SDKs do it: the reply is lost, the SDK sends the write again and meets its own object."""

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        super().put(key, data, mode)
        return super().put(key, data, mode)


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {1: Fault.REPLY_LOST},
        {1: Fault.UNAVAILABLE},
        {1: Fault.THROTTLED},
        {1: Fault.UNAVAILABLE, 3: Fault.REPLY_LOST},
    ],
)
def test_create_wins(store: MemoryStore, plan: dict[int, Fault]) -> None:
    assert commit.create(FaultyStore(store, plan), "a", b"mine").data == b"mine"
    assert store.get("a").data == b"mine"


@pytest.mark.parametrize("plan", [{}, {1: Fault.REPLY_LOST}, {1: Fault.UNAVAILABLE}, {2: Fault.UNAVAILABLE}])
def test_create_loses(store: MemoryStore, plan: dict[int, Fault]) -> None:
    store.put("a", b"theirs")
    assert commit.create(FaultyStore(store, plan), "a", b"mine").data == b"theirs"


def test_a_false_conflict_is_seen_through() -> None:
    store = FalseConflict("false-conflict")
    assert commit.create(store, "a", b"1").data == b"1"
    seen = store.get("a")
    assert commit.swap(store, "a", b"2", seen).data == b"2"
    assert commit.swap(store, "a", b"3", seen).data == b"2"


@pytest.mark.parametrize("plan", [{}, {1: Fault.REPLY_LOST}, {1: Fault.UNAVAILABLE}, {1: Fault.THROTTLED}])
def test_swap(store: MemoryStore, plan: dict[int, Fault]) -> None:
    assert commit.swap(FaultyStore(store, plan), "a", b"1", None).data == b"1"
    seen = store.get("a")
    assert commit.swap(FaultyStore(store, plan), "a", b"2", seen).data == b"2"
    assert commit.swap(FaultyStore(store, plan), "a", b"3", seen).data == b"2"
    assert commit.swap(FaultyStore(store, plan), "a", b"4", None).data == b"2"


def test_unreadable_is_unknown(store: MemoryStore) -> None:
    def plan(number: int, verb: str) -> Fault:
        return Fault.REPLY_LOST if verb == "put" else Fault.UNAVAILABLE

    with pytest.raises(CommitUnknown, match="reading it back") as caught:
        commit.create(FaultyStore(store, plan), "a", b"mine")
    assert caught.value.retryable
    assert store.get("a").data == b"mine", "nothing is cleaned up"


def test_what_was_deleted_is_unknown_in_the_end(store: MemoryStore) -> None:
    seen = commit.create(store, "a", b"1")
    store.delete("a")
    with pytest.raises(CommitUnknown):
        commit.swap(store, "a", b"2", seen)


def test_another_error_passes(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(key: str, data: bytes, mode: Mode) -> Meta:
        raise PermissionDenied("no")

    monkeypatch.setattr(store, "put", denied)
    with pytest.raises(PermissionDenied):
        commit.create(store, "a", b"")
