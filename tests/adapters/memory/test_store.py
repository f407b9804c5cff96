from uuid import uuid4

import pytest

from toolkit.adapters.memory.store import MemoryStore, forget, open_store
from toolkit.domain.errors import NotFound, Unsupported


def test_one_name_is_one_bucket() -> None:
    name = uuid4().hex
    open_store({"name": name}).put("a", b"1")
    assert open_store({"name": name}).get("a").data == b"1"
    with pytest.raises(NotFound):
        open_store({"name": uuid4().hex}).get("a")
    forget(name)
    with pytest.raises(NotFound):
        open_store({"name": name}).get("a")


def test_the_clock_can_be_turned() -> None:
    store = MemoryStore(uuid4().hex, clock=lambda: "2026-01-01T00:00:00.000000Z")
    assert store.put("a", b"").modified == "2026-01-01T00:00:00.000000Z"


def test_it_has_no_uri() -> None:
    with pytest.raises(Unsupported):
        open_store({}).uri("a")


def test_a_listing_goes_on_while_others_write() -> None:
    store = MemoryStore(uuid4().hex)
    for n in range(2500):
        store.put(f"k{n:04d}", b"")
    listing = store.list()
    first = [next(listing).key for _ in range(1000)]
    store.delete("k1500")
    store.put("k2500", b"")
    rest = [meta.key for meta in listing]
    assert [*first, *rest] == [f"k{n:04d}" for n in range(2501) if n != 1500]
