"""A model from the bucket: what the journal names, if and only if a trusted key vouches for exactly that."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import msgspec
import pytest

from tests.serving import endpoints
from tests.serving.endpoints import ROW, Files
from tests.serving.signed import BEFORE, NOW, Bucket, Key, release
from toolkit.domain import codec, digest
from toolkit.domain.errors import Corrupt, NotFound, Untrusted
from toolkit.domain.records import ModelManifest
from toolkit.domain.trust import TrustRoot
from toolkit.ports.store import OVERWRITE, Store
from toolkit.serving import engine, session
from toolkit.serving.source import Source, first
from toolkit.state import keys


@pytest.fixture
def bucket(store: Store) -> Bucket:
    return Bucket(store)


def columns() -> dict[str, list[Any]]:
    return {name: [value] for name, value in ROW.items()}


def test_what_was_signed_and_released_is_served(bucket: Bucket, binary_files: Files) -> None:
    source = bucket.source()
    assert source.current() is None
    bucket.announce(bucket.register(binary_files, 1))
    model = source.load(first(source))
    assert model.digest == binary_files.digest
    assert model.predict(columns()).labels == ["late"] or model.predict(columns()).labels == ["on time"]
    assert "card" not in model.files, "what nobody serves is not fetched"


@pytest.mark.parametrize(
    ("here", "taken", "left"), [(True, "model.onnx", "compiled"), (False, "compiled", "model.onnx")]
)
def test_one_form_of_the_model_is_fetched(
    bucket: Bucket, regression_files: Files, monkeypatch: pytest.MonkeyPatch, here: bool, taken: str, left: str
) -> None:
    """The graph where onnxruntime is, the compiled form where it is not; the other one is no request."""
    signature = codec.decode(regression_files.files["manifest.json"], ModelManifest).signature
    files = {"model.onnx": regression_files.files["model.onnx"], "compiled": b"not a program"}
    both = endpoints.packed(signature, files)
    made = bucket.register(both, 1)
    counting = Counting(bucket.store)
    monkeypatch.setattr(engine, "find_spec", lambda name: here or None)
    source = Bucket(counting, bucket.key).source()
    with nullcontext() if here else pytest.raises(Corrupt):
        source.load(made)
    assert keys.model_file(digest.of_bytes(both.files[taken])) in counting.asked
    assert keys.model_file(digest.of_bytes(both.files[left])) not in counting.asked


def test_before_anything_was_released_it_says_so(bucket: Bucket) -> None:
    with pytest.raises(NotFound, match="nothing was released"):
        first(bucket.source())


def test_the_journal_is_looked_at_and_nothing_else(bucket: Bucket, binary_files: Files) -> None:
    """Seeing that nothing is new costs one request: is there a next entry?"""
    bucket.announce(bucket.register(binary_files, 1))
    counting = Counting(bucket.store)
    source = Bucket(counting, bucket.key).source()
    source.current()
    counting.asked.clear()
    source.current()
    assert counting.asked == ["journal/releases/test/flights/0000000000000002.json"]


class Counting:
    def __init__(self, store: Any) -> None:
        self.asked: list[str] = []
        self._store = store

    def get(self, key: str) -> Any:
        self.asked.append(key)
        return self._store.get(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "trains"}, "the journal names model 'trains'; this serves 'flights'"),
        ({"model_version": 2}, "is of flights version 1, not of model flights version 2"),
    ],
)
def test_a_release_that_says_something_else_is_refused(
    bucket: Bucket, binary_files: Files, change: dict[str, Any], says: str
) -> None:
    made = bucket.register(binary_files, 1)
    with pytest.raises(Untrusted, match=says):
        bucket.source().load(msgspec.structs.replace(made, **change))


def test_an_unsigned_one_is_refused_before_onnxruntime_sees_it(
    bucket: Bucket, binary_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "opened", lambda data: pytest.fail("it was loaded"))
    bucket.keep(binary_files.files)
    with pytest.raises(Untrusted, match="no signature of a trusted key"):
        bucket.source().load(release(binary_files, 1))
    bucket.register(binary_files, 1, key=Key(7))
    with pytest.raises(Untrusted, match="no signature of a trusted key"):
        bucket.source().load(release(binary_files, 1))


def test_another_model_under_a_signed_digest_is_refused(bucket: Bucket, binary_files: Files) -> None:
    """Signed as version 1 of `trains` by the same key, whose manifest says `flights`."""
    bucket.register(binary_files, 1, model="trains")
    source = Source(bucket.store, model="trains", target="test", endpoint="trains",
                    root=TrustRoot(keys=(bucket.key.public,)), clock=lambda: NOW)  # fmt: skip
    with pytest.raises(Untrusted, match="the manifest is of model 'flights', not 'trains'"):
        source.load(release(binary_files, 1, model="trains"))


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx"])
def test_other_bytes_in_a_blob_are_refused(bucket: Bucket, binary_files: Files, name: str) -> None:
    made = bucket.register(binary_files, 1)
    data = bytearray(binary_files.files[name])
    data[len(data) // 2] ^= 1
    bucket.store.put(keys.model_file(digest.of_bytes(binary_files.files[name])), bytes(data), OVERWRITE)
    with pytest.raises(Corrupt, match="holds other bytes"):
        bucket.source().load(made)


def test_without_a_trust_root_digests_still_hold(bucket: Bucket, binary_files: Files) -> None:
    bucket.keep(binary_files.files)
    source = Source(bucket.store, model="flights", target="test", endpoint="flights", root=None)
    assert source.load(release(binary_files, 1)).digest == binary_files.digest
    with pytest.raises(NotFound):
        source.load(release(binary_files, 1, model_digest="0" * 64))


def test_going_back_is_forbidden_where_the_policy_says_so(
    bucket: Bucket, binary_files: Files, regression_files: Files
) -> None:
    """A true signature of an older version, replayed: nothing is wrong with it but its age."""
    old, new = bucket.register(binary_files, 1), bucket.register(regression_files, 2)
    free = bucket.source()
    free.load(new)
    free.load(old)
    strict = bucket.source(rollback="forbid")
    strict.load(old)
    strict.load(new)
    with pytest.raises(Untrusted, match="version 1 of flights is older than version 2"):
        strict.load(old)
    pinned = bucket.source(rollback="forbid", least=2)
    with pytest.raises(Untrusted, match="older than version 2"):
        pinned.load(old)


def test_a_key_that_was_revoked_vouches_for_nothing(bucket: Bucket, binary_files: Files) -> None:
    made = bucket.register(binary_files, 1)
    revoked = msgspec.structs.replace(bucket.key.public, revoked=BEFORE)
    with pytest.raises(Untrusted, match="was revoked"):
        bucket.source(TrustRoot(keys=(revoked,))).load(made)
