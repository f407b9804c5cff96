"""A whole model: what is in it, and that equal training gives an equal one."""

from __future__ import annotations

import msgspec
import polars as pl
import pytest

from tests.models.conftest import Table
from tests.models.estimators import ESTIMATORS, LABELS
from toolkit.domain import codec, digest
from toolkit.domain.errors import DataError
from toolkit.domain.records import ModelManifest, RunSpec, Split
from toolkit.models.build import Built, build_model
from toolkit.models.data import training_data
from toolkit.quality.baseline import from_bytes
from toolkit.serving import model as serving


def built(table: Table, name: str, slices: tuple[str, ...] = ("city",), test: pl.DataFrame | None = None) -> Built:
    label = LABELS[name]
    schema = table.schema(label)
    train, held_out = table.rows.head(450), table.rows.tail(150)
    data = training_data(train, schema)
    spec = RunSpec(
        run_id="r1", model="shop", entry="train:train", code="c" * 64, environment="", dataset="shop",
        dataset_version="d" * 64, label=label, split=Split(), params={"trees": 20}, actor="ada",
    )  # fmt: skip
    estimator = ESTIMATORS[name](data).fit(data.X, data.y)
    return build_model(
        estimator, data, spec=spec, schema=schema, train=train, test=held_out if test is None else test,
        tolerance=1e-4, slices=slices,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["hist alone", "logistic many", "ridge"])
def test_a_model_is_whole(name: str, table: Table) -> None:
    made = built(table, name)
    manifest = made.manifest
    assert set(manifest.files) == {"model.onnx", "compiled", "explain", "profile", "sample", "card"}
    assert manifest.files == {role: digest.of_bytes(content) for role, content in made.files.items()}
    assert manifest.sizes == {role: len(content) for role, content in made.files.items()}
    assert manifest.parity is not None
    assert manifest.parity.rows == 150
    assert {part.column for part in manifest.slices} == {"city"}
    assert codec.decode(made.data, ModelManifest) == manifest
    assert made.digest == digest.of_bytes(made.data)


def test_metrics_fit_the_task(table: Table) -> None:
    assert built(table, "hist alone").manifest.metrics["roc_auc"] > 0.8
    assert built(table, "logistic many").manifest.metrics["accuracy"] > 0.6
    assert built(table, "ridge").manifest.metrics["r2"] > 0.6


def test_the_loader_of_the_endpoint_takes_it_and_its_sample(table: Table) -> None:
    made = built(table, "hist alone")
    model = serving.load({serving.MANIFEST: made.data, **made.files}, made.digest)
    records = msgspec.json.decode(made.files["sample"])
    assert len(records) == 50
    assert all(set(record) == {f.name for f in made.manifest.signature.features} for record in records)
    assert any(record["opened"] is None for record in records)
    assert all(record["opened"] is None or record["opened"].endswith("Z") for record in records)
    columns = {name: [record[name] for record in records] for name in records[0]}
    assert len(model.predict(columns).labels) == 50


def test_equal_training_is_an_equal_model(table: Table) -> None:
    assert built(table, "hist alone").digest == built(table, "hist alone").digest
    assert built(table, "ridge").digest == built(table, "ridge").digest


def test_neither_time_nor_person_is_in_it(table: Table) -> None:
    made = built(table, "hist alone")
    assert b"ada" not in made.data
    assert b"ada" not in made.files["card"]


def test_the_baseline_is_of_the_training_rows(table: Table) -> None:
    baseline = from_bytes(built(table, "hist alone").files["profile"])
    assert baseline.rows == 450
    assert [bins.name for bins in baseline.features] == ["amount", "visits", "member", "city", "opened", "born"]
    assert baseline.prediction is not None


def test_the_card_says_what_matters(table: Table) -> None:
    card = built(table, "hist alone").files["card"].decode()
    for words in ("# shop", "450 training rows and 150 test rows", "roc_auc", "| city | Oslo |", "`opened` | datetime",
                  "adversarial rows", "`trees` = `20`", "Limits"):  # fmt: skip
        assert words in card


def test_classes_that_training_has_not_seen_are_not_measured(table: Table) -> None:
    strange = table.rows.tail(150).with_columns(
        tier=pl.when(pl.col("visits") > 35).then(pl.lit("new")).otherwise("tier")
    )
    manifest = built(table, "logistic many", test=strange).manifest
    assert manifest.parity is not None
    assert 100 < manifest.parity.rows < 150
    with pytest.raises(DataError, match="no test row has a known 'tier'"):
        built(table, "logistic many", test=strange.with_columns(tier=pl.lit("new")))


def test_a_slice_of_nothing_is_an_error(table: Table) -> None:
    with pytest.raises(DataError, match="no column 'planet'"):
        built(table, "hist alone", slices=("planet",))
