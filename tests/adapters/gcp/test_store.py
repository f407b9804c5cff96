"""What the suite does not reach: large files, what fake-gcs-server ignores, and doubt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.gcp import google
from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.store import GcsStore, open_store
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    DataError,
    PreconditionFailed,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from toolkit.execution.large_files import Source
from toolkit.ports import Settings
from toolkit.ports.store import CREATE, Match

MIB = 1024**2


@pytest.fixture
def settings() -> Settings:
    return google.bucket()


@pytest.fixture
def store(settings: Settings) -> GcsStore:
    """Files over a mebibyte go up in a resumable session."""
    http = client.storage(settings["project"], settings["endpoint"])
    return GcsStore(settings["bucket"], settings["prefix"], client=http, endpoint=settings["endpoint"], single=MIB)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(MIB) * 20)
    return path


def test_a_large_file_goes_up_in_pieces_and_comes_back(store: GcsStore, large: Path, tmp_path: Path) -> None:
    meta = store.upload("large", large, CREATE)
    assert meta == store.head("large")
    assert store.download("large", tmp_path / "copy") == meta
    assert (tmp_path / "copy").read_bytes() == large.read_bytes()


@pytest.mark.parametrize("look", [True, False], ids=["seen beforehand", "seen at the end"])
def test_a_resumable_upload_keeps_its_condition(
    store: GcsStore, large: Path, monkeypatch: pytest.MonkeyPatch, look: bool
) -> None:
    first = store.put("a", b"old")
    if not look:
        monkeypatch.setattr(store, "_require", lambda key, mode: None)
    with pytest.raises(AlreadyExists):
        store.upload("a", large, CREATE)
    with pytest.raises(PreconditionFailed):
        store.upload("a", large, Match("1"))
    assert store.get("a").data == b"old"
    store.upload("a", large, Match(first.etag))
    assert store.head("a").size == 20 * MIB


def test_a_file_that_changes_while_it_goes_up_is_refused(
    store: GcsStore, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolkit.adapters.gcp import transfer

    begun = transfer.Unchanged.__init__

    def changed(self: Any, source: Source) -> None:
        begun(self, source)
        with large.open("ab") as stream:
            stream.write(b"more")

    monkeypatch.setattr(transfer.Unchanged, "__init__", changed)
    with pytest.raises(DataError, match="changed"):
        store.upload("a", large)
    assert list(store.list()) == []


def test_equal_bytes_are_another_generation(store: GcsStore) -> None:
    first = store.put("a", b"same")
    store.put("a", b"same")
    with pytest.raises(PreconditionFailed):
        store.put("a", b"new", Match(first.etag))


def test_a_missing_bucket_is_said(settings: Settings, tmp_path: Path) -> None:
    store = open_store({**settings, "bucket": "there-is-none"})
    (tmp_path / "a").write_bytes(b"a")
    for call in (
        lambda: store.get("a"),
        lambda: store.head("a"),
        lambda: store.put("a", b""),
        lambda: store.upload("a", tmp_path / "a"),
        lambda: store.delete("a"),
    ):
        with pytest.raises(ConfigError, match="no bucket there-is-none"):
            call()


def test_a_bucket_has_to_be_named(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="no bucket is set"):
        open_store({**settings, "bucket": ""})


def test_a_token_that_nobody_gave_out_opens_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.transport.requests import AuthorizedSession
    from google.oauth2.credentials import Credentials

    session = AuthorizedSession(Credentials(token="expired"))
    stranger = client.storage_over(session, "p", settings["endpoint"])
    store = GcsStore(settings["bucket"], "", client=stranger, endpoint=settings["endpoint"])
    for call in (lambda: store.get("a"), lambda: store.put("a", b"")):
        with pytest.raises(Unauthenticated) as refused:
            call()
        assert "gcloud auth application-default login" in refused.value.hint


class _Answers:
    """A session that answers from a list instead of asking: (status, body), or an exception."""

    def __init__(self, *answers: Any) -> None:
        from google.auth.credentials import AnonymousCredentials

        self.answers, self.asked = list(answers), 0
        self.credentials = AnonymousCredentials()

    def request(self, *given: Any, **more: Any) -> Any:
        import requests

        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        reply = requests.Response()
        reply.status_code, reply._content = answer
        reply.headers["Content-Type"] = "application/json"
        reply.request = requests.Request("POST", "http://127.0.0.1:9/").prepare()
        return reply

    get = request


def _with(session: _Answers) -> GcsStore:
    http = client.storage_over(session, "p", "http://127.0.0.1:9")
    return GcsStore("bucket", "", client=http, endpoint="http://127.0.0.1:9")


def test_a_write_in_doubt_is_not_repeated() -> None:
    import requests

    for answer in (requests.ConnectionError("lost"), (503, b"{}"), requests.ReadTimeout("late")):
        session = _Answers(answer)
        with pytest.raises(Unavailable):
            _with(session).put("a", b"x", CREATE)
        assert session.asked == 1


def test_what_was_refused_for_now_is_tried_again() -> None:
    written = (
        b'{"name": "a", "size": "1", "generation": "7", "updated": "2026-01-01T00:00:00.5Z", "crc32c": "AAAAAA=="}'
    )
    session = _Answers((429, b"{}"), (429, b"{}"), (200, written))
    assert _with(session).put("a", b"x", CREATE).etag == "7"
    assert session.asked == 3
    with pytest.raises(Throttled):
        _with(_Answers(*[(429, b"{}")] * 6)).put("a", b"x", CREATE)
