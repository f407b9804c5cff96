"""Models that endpoints read from the bucket: when they do, and what lies there for them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.lifecycle.shop import Shop, make_shop
from tests.lifecycle.test_trust import registered
from toolkit.bootstrap import providers
from toolkit.domain.config import ServeConfig
from toolkit.domain.errors import Corrupt
from toolkit.domain.trust import PublicKey, TrustRoot
from toolkit.lifecycle import find, place, trust
from toolkit.state import keys


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


@pytest.mark.parametrize("one_deploy_at_a_time", [False, True])
@pytest.mark.parametrize("trusted", [False, True])
def test_where_a_switch_would_be_a_deploy_signed_models_are_read_from_the_bucket(
    shop: Shop, one_deploy_at_a_time: bool, trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = providers.provider("memory")
    lacks = {"functions.beside"} if one_deploy_at_a_time else set()
    shop.ctx.providers = {"memory": msgspec.structs.replace(memory, claims=memory.claims - lacks)}
    root = TrustRoot(keys=(PublicKey(id="k", public="p"),) if trusted else ())
    monkeypatch.setattr(trust, "root", lambda ctx, least=0: root)
    assert place.from_bucket(shop.ctx) == (one_deploy_at_a_time and trusted)
    for said in ("baked", "bucket"):
        assert place.from_bucket(shop.configure(serve=ServeConfig(model=said)).ctx) == (said == "bucket")


def test_a_model_is_where_endpoints_may_read_it_before_the_journal_names_it(shop: Shop) -> None:
    version = registered(shop, 1)
    files = find.manifest(shop.ctx, version).files
    for _ in range(2):  # the same again: it is there
        place.model(shop.ctx, version)
    there = {meta.key for meta in shop.ctx.store.list(keys.MODELS)}
    loaded = {keys.model_file(name) for role, name in files.items() if role not in ("card", "sample")}
    assert there == loaded | {keys.model_file(version.digest)}
    shop.ctx.store.delete(keys.model_file(version.digest))
    one = next(iter(files.values()))
    shop.ctx.store.put(keys.blob(one), b"others")
    shop.ctx.store.delete(keys.model_file(one))
    with pytest.raises(Corrupt):
        place.model(shop.ctx, version)
    assert keys.model_file(version.digest) not in {meta.key for meta in shop.ctx.store.list(keys.MODELS)}
