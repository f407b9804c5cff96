"""Two models on the same rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.data import snapshot
from toolkit.domain.errors import Corrupt, DataError
from toolkit.domain.records import Dataset
from toolkit.lifecycle import evaluate, find, train
from toolkit.state import keys
from toolkit.state.registry import Registry


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def changed(shop: Shop, dataset: Dataset, folder: Path, rename: str = "", drop_class: str = "") -> Dataset:
    """The dataset with one feature renamed, or without one class."""
    rows = snapshot.load(shop.ctx.store, dataset, folder).collect()
    schema = dataset.schema
    if rename:
        from msgspec.structs import replace

        columns = tuple(replace(c, name=f"{c.name} 2") if c.name == rename else c for c in schema.columns)
        rows, schema = rows.rename({rename: f"{rename} 2"}), replace(schema, columns=columns)
    if drop_class:
        rows = rows.filter(pl.col("tier") != drop_class)
    return snapshot.take(shop.ctx.store, "shop", rows, schema, source="memory", created=shop.ctx.clock())


def test_rows_of_classes_that_one_of_them_does_not_know_are_left_out(shop: Shop, tmp_path: Path) -> None:
    dataset = shop.dataset(label="tier")
    train.run(shop.ctx, dataset=changed(shop, dataset, tmp_path / "a", drop_class="gold"))
    train.run(shop.ctx, dataset=dataset)
    registry = Registry(shop.ctx.store, "shop")
    ours, theirs = evaluate.compared(shop.ctx, registry.version(2), registry.version(1))
    assert ours != registry.version(2).metrics
    assert {"accuracy", "log_loss"} <= ours.keys() & theirs.keys()


def test_features_that_are_gone_cannot_be_asked_for(shop: Shop, tmp_path: Path) -> None:
    dataset = shop.dataset()
    train.run(shop.ctx, dataset=dataset)
    train.run(shop.ctx, dataset=changed(shop, dataset, tmp_path / "a", rename="amount"))
    registry = Registry(shop.ctx.store, "shop")
    with pytest.raises(DataError, match="version 1 cannot be measured on the rows of version 2: it needs amount"):
        evaluate.compared(shop.ctx, registry.version(2), registry.version(1))


def test_a_damaged_model_is_not_asked(shop: Shop) -> None:
    train.run(shop.ctx, dataset=shop.dataset())
    version = find.version(shop.ctx)
    shop.ctx.store.put(keys.blob(find.manifest(shop.ctx, version).files["model.onnx"]), b"other")
    with pytest.raises(Corrupt):
        evaluate.loaded(shop.ctx, version)
