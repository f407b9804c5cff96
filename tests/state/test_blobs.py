import hashlib
from pathlib import Path

import pytest

from toolkit.adapters.memory.store import MemoryStore
from toolkit.domain.errors import ConfigError, Corrupt, NotFound
from toolkit.state import keys
from toolkit.state.blobs import Blobs
from toolkit.testing.faults import Fault, FaultyStore


def test_bytes_by_their_digest(store: MemoryStore) -> None:
    blobs = Blobs(store)
    name = blobs.put(b"model")
    assert name == hashlib.sha256(b"model").hexdigest()
    assert blobs.get(name) == b"model"
    assert blobs.has(name)
    assert blobs.size(name) == 5
    assert blobs.put(b"model") == name
    assert [meta.key for meta in store.list()] == [f"blobs/sha256/{name[:2]}/{name}"]


def test_a_file_is_sent_once(store: MemoryStore, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100_000)
    watched = FaultyStore(store)
    blobs = Blobs(watched)
    assert blobs.put_file(path) == blobs.put_file(path)
    assert [verb for verb, _ in watched.calls].count("upload") == 1


def test_fetch_writes_what_was_verified(store: MemoryStore, tmp_path: Path) -> None:
    blobs = Blobs(store)
    name = blobs.put(b"model")
    target = tmp_path / "new" / "folder" / "model.onnx"
    blobs.fetch(name, target)
    assert target.read_bytes() == b"model"
    assert [p.name for p in target.parent.iterdir()] == ["model.onnx"]


def test_changed_bytes_are_corrupt_and_never_appear(store: MemoryStore, tmp_path: Path) -> None:
    blobs = Blobs(store)
    name = blobs.put(b"model")
    store.put(keys.blob(name), b"modem")
    with pytest.raises(Corrupt, match=name[:12]):
        blobs.get(name)
    target = tmp_path / "model"
    target.write_bytes(b"before")
    with pytest.raises(Corrupt):
        blobs.fetch(name, target)
    assert target.read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_is_not_there(store: MemoryStore, tmp_path: Path) -> None:
    blobs = Blobs(store)
    assert not blobs.has("0" * 64)
    with pytest.raises(NotFound):
        blobs.get("0" * 64)
    with pytest.raises(NotFound):
        blobs.size("0" * 64)
    with pytest.raises(NotFound):
        blobs.fetch("0" * 64, tmp_path / "x")
    with pytest.raises(ConfigError):
        blobs.get("model")


@pytest.mark.parametrize("fault", [Fault.REPLY_LOST, Fault.UNAVAILABLE, Fault.THROTTLED])
def test_a_lost_reply_is_no_matter(store: MemoryStore, tmp_path: Path, fault: Fault) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"file")
    for number in (1, 2):
        blobs = Blobs(FaultyStore(store, {number: fault}))
        assert Blobs(store).get(blobs.put(b"%d" % number)) == b"%d" % number
        assert Blobs(store).get(blobs.put_file(path)) == b"file"
