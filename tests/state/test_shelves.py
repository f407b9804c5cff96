"""Two stores as one: the state with its conditions, what is large beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.adapters.libcloud.settings import LibcloudSettings
from toolkit.adapters.libcloud.store import open_store as open_artifacts
from toolkit.adapters.memory.store import MemoryStore, forget
from toolkit.domain import digest
from toolkit.domain.errors import AlreadyExists, NotFound
from toolkit.ports.store import CREATE, Store
from toolkit.state import keys
from toolkit.state.blobs import Blobs
from toolkit.state.shelves import LARGE, Shelves

SMALL_BLOB, LARGE_BLOB = b"s" * (LARGE - 1), b"l" * LARGE


@pytest.fixture
def state() -> Iterator[Store]:
    yield MemoryStore("shelves")
    forget("shelves")


@pytest.fixture
def artifacts(tmp_path: Path) -> Store:
    """Of a provider that knows no condition."""
    (tmp_path / "shelf" / "models").mkdir(parents=True)
    return open_artifacts(
        LibcloudSettings(driver="local", container="models", folder=str(tmp_path / "shelf")).model_dump()
    )


@pytest.fixture
def both(state: Store, artifacts: Store) -> Shelves:
    return Shelves(state, lambda: artifacts)


def test_large_blobs_lie_with_the_artifacts_and_all_else_with_the_state(
    both: Shelves, state: Store, artifacts: Store, tmp_path: Path
) -> None:
    blobs = Blobs(both)
    (tmp_path / "file").write_bytes(LARGE_BLOB + b"!")
    names = [blobs.put(SMALL_BLOB), blobs.put(LARGE_BLOB), blobs.put_file(tmp_path / "file")]
    both.put("captures/large", LARGE_BLOB, CREATE)
    assert [meta.key for meta in state.list()] == sorted([keys.blob(names[0]), "captures/large"])
    assert [meta.key for meta in artifacts.list()] == sorted(map(keys.blob, names[1:]))
    for name, data in zip(names, (SMALL_BLOB, LARGE_BLOB, LARGE_BLOB + b"!"), strict=True):
        assert blobs.get(name) == data
        assert blobs.size(name) == len(data)
        blobs.fetch(name, tmp_path / "copy")
        assert digest.of_file(tmp_path / "copy") == name
        assert both.get_range(keys.blob(name), 0, 3) == data[:3]


def test_a_listing_is_of_both_in_one_order(both: Shelves) -> None:
    names = [Blobs(both).put(bytes([n]) * (LARGE + n % 2 * 1 - n % 2 * 2)) for n in range(8)]
    both.put("runs/a", b"1")
    assert [meta.key for meta in both.list("blobs/")] == sorted(map(keys.blob, names))
    assert [meta.key for meta in both.list()] == [*sorted(map(keys.blob, names)), "runs/a"]
    assert [meta.key for meta in both.list("runs/")] == ["runs/a"]


def test_a_blob_is_created_once_and_deleted_where_it_is(both: Shelves, artifacts: Store) -> None:
    key = keys.blob(Blobs(both).put(LARGE_BLOB))
    with pytest.raises(AlreadyExists):
        both.put(key, LARGE_BLOB, CREATE)
    both.delete(key)
    assert list(artifacts.list()) == []
    with pytest.raises(NotFound):
        both.head(key)


def test_who_reads_no_artifact_never_opens_them(state: Store) -> None:
    def refused() -> Store:
        raise AssertionError("opened")

    both = Shelves(state, refused)
    name = Blobs(both).put(SMALL_BLOB)
    assert Blobs(both).get(name) == SMALL_BLOB
    both.put("runs/a", LARGE_BLOB)
    assert [meta.key for meta in both.list("runs/")] == ["runs/a"]
