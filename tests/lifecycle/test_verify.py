"""A registered model is what it was, or the finding says what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain import codec
from toolkit.domain.errors import NotFound
from toolkit.domain.records import ModelManifest
from toolkit.lifecycle import find, train, verify
from toolkit.state import keys
from toolkit.state.blobs import Blobs
from toolkit.state.registry import Registry


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = make_shop(tmp_path)
    train.run(shop.ctx, dataset=shop.dataset())
    return shop


def manifest(shop: Shop) -> ModelManifest:
    return find.manifest(shop.ctx, find.version(shop.ctx))


def register(shop: Shop, changed: ModelManifest) -> None:
    digest = Blobs(shop.ctx.store).put(codec.encode(changed))
    registry = Registry(shop.ctx.store, "shop")
    registry.register(digest, "r2", changed.metrics, actor="eve", op=digest, time=shop.ctx.clock())


def test_nothing_is_wrong(shop: Shop) -> None:
    assert verify.run(shop.ctx) == []
    assert verify.run(shop.ctx, 1) == []
    with pytest.raises(NotFound):
        verify.run(shop.ctx, "champion")


@pytest.mark.parametrize("role", ["model.onnx", "profile", "sample", "card"])
def test_changed_bytes(role: str, shop: Shop) -> None:
    key = keys.blob(manifest(shop).files[role])
    data = bytearray(shop.ctx.store.get(key).data)
    data[len(data) // 2] ^= 1
    shop.ctx.store.put(key, bytes(data))
    (finding,) = verify.run(shop.ctx)
    assert finding.startswith(f"{role}: blob ")


def test_a_file_that_is_gone(shop: Shop) -> None:
    shop.ctx.store.delete(keys.blob(manifest(shop).files["card"]))
    assert [finding.partition(":")[0] for finding in verify.run(shop.ctx)] == ["card"]


def test_a_manifest_that_is_gone(shop: Shop) -> None:
    shop.ctx.store.delete(keys.blob(find.version(shop.ctx).digest))
    (finding,) = verify.run(shop.ctx)
    assert finding.startswith("manifest: ")


def test_metrics_that_were_never_measured(shop: Shop) -> None:
    found = manifest(shop)
    register(shop, replace(found, metrics={**found.metrics, "roc_auc": 0.999}))
    (finding,) = verify.run(shop.ctx)
    assert finding.startswith("metric roc_auc: recorded 0.999, measured now 0.")


def test_a_certificate_that_certifies_nothing(shop: Shop) -> None:
    found = manifest(shop)
    assert found.parity is not None
    register(shop, replace(found, parity=replace(found.parity, max_difference=0.5)))
    assert verify.run(shop.ctx)[0].startswith("parity: the certificate shows a difference of 0.5")
    register(shop, replace(found, parity=None))
    assert verify.run(shop.ctx, 3)[0].startswith("parity: there is no certificate")


def test_a_signature_that_is_not_the_graphs(shop: Shop) -> None:
    found = manifest(shop)
    features = tuple(f for f in found.signature.features if f.name != "city")
    register(shop, replace(found, signature=replace(found.signature, features=features)))
    findings = verify.run(shop.ctx)
    assert any("does not take the inputs of its signature" in finding for finding in findings)
    assert "profile: it was made for another signature" in findings


def test_a_model_of_another_name(shop: Shop) -> None:
    register(shop, replace(manifest(shop), model="basket"))
    assert verify.run(shop.ctx) == ["manifest: it is of model 'basket'"]
