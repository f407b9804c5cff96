"""What the suite does not reach: large files, races on them, doubt, and what is not set up."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.azure import microsoft
from toolkit.adapters.azure import client
from toolkit.adapters.azure.blob_service import service
from toolkit.adapters.azure.store import BlobStore, open_store
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    Corrupt,
    DataError,
    PreconditionFailed,
    Unauthenticated,
    Unavailable,
)
from toolkit.ports import Settings
from toolkit.ports.store import CREATE, Match
from toolkit.testing.faultproxy import Plan, Proxy, Refused, Torn, first

KIB = 1024


@pytest.fixture(scope="module")
def settings() -> Settings:
    return microsoft.bucket()


def opened(settings: Settings, endpoint: str = "") -> BlobStore:
    """Files over 64 kB go up in blocks."""
    where = settings["account"], settings["container"], settings["prefix"]
    return BlobStore(*where, endpoint=endpoint or settings["endpoint"], single=64 * KIB, block=100 * KIB)


@pytest.fixture
def store(settings: Settings) -> BlobStore:
    return opened(settings)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(950 * KIB))
    return path


@contextmanager
def faulty(settings: Settings, plan: Plan) -> Iterator[tuple[BlobStore, Proxy]]:
    with Proxy(settings["endpoint"], plan) as proxy:
        client.emulated.add(proxy.address)
        yield opened(settings, proxy.address), proxy


def test_a_large_file_goes_up_in_blocks_and_comes_back(store: BlobStore, large: Path, tmp_path: Path) -> None:
    meta = store.upload("blocks", large, CREATE)
    assert meta == store.head("blocks")
    assert store.download("blocks", tmp_path / "copy") == meta
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()


@pytest.mark.parametrize("look", [True, False], ids=["seen beforehand", "seen at the end"])
def test_blocks_keep_their_condition(
    store: BlobStore, large: Path, monkeypatch: pytest.MonkeyPatch, look: bool
) -> None:
    first = store.put("kept", b"old")
    if not look:
        monkeypatch.setattr(store, "_require", lambda key, mode: None)
    with pytest.raises(AlreadyExists):
        store.upload("kept", large, CREATE)
    with pytest.raises(PreconditionFailed):
        store.upload("kept", large, Match("0x1"))
    assert store.get("kept").data == b"old"
    store.upload("kept", large, Match(first.etag))
    assert store.head("kept").size == 950 * KIB


def test_of_two_uploads_of_a_key_one_is_the_blob(settings: Settings, store: BlobStore, large: Path) -> None:
    """The first to commit drops the other's blocks."""
    other = opened(settings)

    def slow(self: Any, key: str, mode: Any, size: int, send: Any) -> Any:
        store.upload("raced", large)
        return write(key, mode, size, send)

    write = other._write
    other._write = slow.__get__(other)  # type: ignore[method-assign]
    with pytest.raises((Unavailable, AlreadyExists)):
        other.upload("raced", large, CREATE)
    assert store.get("raced").data == large.read_bytes()


def test_a_file_that_changes_while_it_goes_up_is_refused(
    store: BlobStore, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolkit.adapters.azure import transfer

    whole = transfer.Source.of

    def changed(path: Path) -> transfer.Source:
        source = whole(path)
        with path.open("ab") as stream:
            stream.write(b"more")
        return source

    monkeypatch.setattr(transfer.Source, "of", changed)
    with pytest.raises(DataError, match="changed"):
        store.upload("changing", large)
    assert list(store.list("changing")) == []


def test_a_download_goes_on_where_it_broke_off(settings: Settings, large: Path, tmp_path: Path) -> None:
    opened(settings).upload("broken", large)
    with faulty(settings, first(Torn(300_000), Torn(200_000), method="GET")) as (bad, proxy):
        bad.download("broken", tmp_path / "copy")
        assert proxy.count("GET") == 3
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()


def test_other_bytes_than_went_up_are_corrupt(settings: Settings, store: BlobStore, tmp_path: Path) -> None:
    blobs = service(settings["account"], settings["endpoint"]).get_container_client(settings["container"])
    blobs.upload_blob(f"{settings['prefix']}/other", b"other", metadata={"sha256": "0" * 64})
    with pytest.raises(Corrupt, match="SHA-256"):
        store.download("other", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_what_was_refused_for_now_is_tried_again_and_doubt_is_not(settings: Settings) -> None:
    slow = Refused(429, "TooManyRequests")
    with faulty(settings, first(slow, slow, method="PUT")) as (bad, proxy):
        bad.put(f"again-{os.urandom(4).hex()}", b"x", CREATE)
        assert proxy.count("PUT") == 3
    with faulty(settings, first(Refused(503, "ServerBusy"), method="PUT")) as (bad, proxy):
        with pytest.raises(Exception, match="ServerBusy"):
            bad.put("doubt", b"x", CREATE)
        assert proxy.count("PUT") == 1


def test_a_missing_container_is_said(settings: Settings, tmp_path: Path) -> None:
    store = open_store({**settings, "container": "there-is-none"})
    (tmp_path / "a").write_bytes(b"a")
    for call in (
        lambda: store.get("a"),
        lambda: store.head("a"),
        lambda: store.put("a", b""),
        lambda: store.upload("a", tmp_path / "a"),
        lambda: store.download("a", tmp_path / "b"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(ConfigError, match="no container there-is-none"):
            call()


@pytest.mark.parametrize("name", ["account", "container"])
def test_a_store_has_to_be_named(settings: Settings, name: str) -> None:
    with pytest.raises(ConfigError, match=f"no {name} is set"):
        open_store({**settings, name: ""})


def test_a_token_that_nobody_gave_out_opens_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened(settings)
    monkeypatch.setattr(client, "EMULATED_TOKEN", "expired")
    for call in (lambda: store.get("a"), lambda: store.put("a", b"")):
        with pytest.raises(Unauthenticated) as refused:
            call()
        assert refused.value.hint == "az login"


def test_the_uri_is_as_other_tools_write_it(settings: Settings, store: BlobStore) -> None:
    assert store.uri("a/b") == f"az://{settings['account']}/{settings['container']}/{settings['prefix']}/a/b"
