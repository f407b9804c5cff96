from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from toolkit.adapters.memory.store import open_store
from toolkit.domain.errors import NotFound, Throttled, Unavailable, Unsupported
from toolkit.ports.store import CREATE, Store
from toolkit.testing.faults import Crash, Fault, FaultyStore, lossy

_FITS: type[Store] = FaultyStore


@pytest.fixture
def inner() -> Store:
    return open_store({"name": uuid4().hex})


@pytest.mark.parametrize(
    ("fault", "raised", "applied"),
    [
        (Fault.CRASH_BEFORE, Crash, False),
        (Fault.CRASH_AFTER, Crash, True),
        (Fault.REPLY_LOST, Unavailable, True),
        (Fault.UNAVAILABLE, Unavailable, False),
        (Fault.THROTTLED, Throttled, False),
    ],
)
def test_a_fault_strikes_at_its_call(inner: Store, fault: Fault, raised: type[BaseException], applied: bool) -> None:
    store = FaultyStore(inner, {2: fault})
    store.put("a", b"")
    with pytest.raises(raised, match="call 2, put b"):
        store.put("b", b"", CREATE)
    store.put("c", b"")
    assert [meta.key for meta in inner.list()] == (["a", "b", "c"] if applied else ["a", "c"])
    assert store.calls == [("put", "a"), ("put", "b"), ("put", "c")]


def test_a_crash_is_no_exception() -> None:
    assert not issubclass(Crash, Exception)


def test_every_method_can_fail_and_else_goes_through(inner: Store, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"123")
    verbs: dict[str, Callable[[Store], object]] = {
        "upload": lambda s: s.upload("a", path),
        "get": lambda s: s.get("a").data,
        "head": lambda s: s.head("a").size,
        "get_range": lambda s: s.get_range("a", 1, 1),
        "download": lambda s: s.download("a", path),
        "list": lambda s: [meta.key for meta in s.list("a")],
        "put": lambda s: s.put("a", b"123"),
        "delete": lambda s: s.delete("b"),
    }
    for verb, call in verbs.items():
        with pytest.raises(Unavailable):
            call(FaultyStore(inner, {1: Fault.UNAVAILABLE}))
        watched = FaultyStore(inner)
        call(watched)
        assert [called for called, _ in watched.calls] == [verb]
    with pytest.raises(NotFound):
        FaultyStore(inner).get("nothing")
    with pytest.raises(Unsupported):
        FaultyStore(inner).uri("a")


def test_lossy_loses_replies_of_writes_only() -> None:
    plan = lossy(0.2, seed=1, refused=0.1)
    writes = [plan(n, "put") for n in range(2000)]
    reads = [plan(n, "get") for n in range(2000)]
    assert 300 < writes.count(Fault.REPLY_LOST) < 500
    assert reads.count(Fault.REPLY_LOST) == 0
    assert 100 < reads.count(Fault.UNAVAILABLE) < 300
    assert [lossy(0.5, 7)(n, "put") for n in range(50)] == [lossy(0.5, 7)(n, "put") for n in range(50)]
