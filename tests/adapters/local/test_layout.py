import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.adapters.local.store import open_store
from toolkit.domain.errors import AlreadyExists
from toolkit.ports.store import CREATE

SEGMENT = st.sampled_from(["a", "b", "a-", "a.b", "A", "a0"])
KEYS = st.lists(SEGMENT, min_size=1, max_size=3).map("/".join)
STEPS = st.lists(st.tuples(st.sampled_from(["create", "put", "delete"]), KEYS), max_size=25)


@pytest.fixture(autouse=True, scope="module")
def _no_syncs() -> Iterator[None]:
    """Hundreds of buckets: what is durable is not asked here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@settings(deadline=None, max_examples=60)
@given(steps=STEPS, prefix=st.text("a/b-", max_size=3), after=KEYS)
def test_it_is_a_flat_map_of_keys(steps: list[tuple[str, str]], prefix: str, after: str) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        store = open_store({"store": str(folder)})
        model: dict[str, bytes] = {}
        for n, (verb, key) in enumerate(steps):
            body = b"%d" % n
            if verb == "delete":
                store.delete(key)
                model.pop(key, None)
            elif verb == "put":
                store.put(key, body)
                model[key] = body
            else:
                try:
                    store.put(key, body, CREATE)
                    assert key not in model
                    model[key] = body
                except AlreadyExists:
                    assert key in model
            assert {meta.key: store.get(meta.key).data for meta in store.list()} == model
        assert [meta.key for meta in store.list()] == sorted(model)
        expected = sorted(key for key in model if key.startswith(prefix) and key > after)
        assert [meta.key for meta in store.list(prefix, after=after)] == expected
    finally:
        shutil.rmtree(folder, ignore_errors=True)
