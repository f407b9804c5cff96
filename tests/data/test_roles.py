"""The contract of one ingest: what was agreed, then the configuration, then these rows."""

from __future__ import annotations

import polars as pl
import pytest

from toolkit.data import roles
from toolkit.data.infer import infer
from toolkit.domain.config import DataConfig
from toolkit.domain.errors import ConfigError, DataError
from toolkit.domain.records import Schema


@pytest.fixture(scope="module")
def agreed(shop: pl.DataFrame) -> Schema:
    return infer(shop, "bought").schema


def test_a_binding_contract_takes_nothing_up(shop: pl.DataFrame, agreed: Schema) -> None:
    frame = shop.drop("city").with_columns(extra=1)
    found, said = roles.extended(frame, agreed, binding=True)
    assert found == agreed
    assert said == ["column 'extra' is not in the contract: left out"]


def test_one_that_does_not_bind_follows_the_table(shop: pl.DataFrame, agreed: Schema) -> None:
    frame = shop.drop("city").with_columns(extra=pl.col("amount") * 2, same=pl.lit("x"))
    found, said = roles.extended(frame, agreed, binding=False)
    assert [c.name for c in found.columns] == frame.columns
    assert (found.column("extra").role, found.column("same").role) == ("feature", "ignored")
    assert said == [f"column {n!r} is {s} since the last version" for n, s in
                    (("city", "gone"), ("extra", "new"), ("same", "new"))]  # fmt: skip


def test_the_configuration_beats_the_contract(agreed: Schema) -> None:
    config = DataConfig(label="member", time="born", id=["city"], ignore=["items"])
    found = {c.name: c.role for c in roles.configured(agreed, config).columns}
    assert found == {
        "visit_id": "id", "amount": "feature", "items": "ignored", "city": "id", "member": "label",
        "when": "feature", "born": "time", "bought": "feature",
    }  # fmt: skip
    assert roles.configured(agreed, DataConfig()) == agreed


def test_what_the_configuration_asks_for_has_to_be_there(shop: pl.DataFrame, agreed: Schema) -> None:
    with pytest.raises(ConfigError, match="no column 'bougth'") as refused:
        roles.configured(agreed, DataConfig(label="bougth"))
    assert "'bought'" in refused.value.hint
    with pytest.raises(ConfigError, match=r"data\.time = 'items' is int64, not a date or time"):
        roles.configured(agreed, DataConfig(time="items"))
    with pytest.raises(DataError, match="names no label"):
        roles.configured(infer(shop).schema, DataConfig())


def test_ranges_and_classes_are_of_these_rows(shop: pl.DataFrame, agreed: Schema) -> None:
    rows = shop.filter(pl.col("city") != "Nice", pl.col("amount") < 5).with_columns(bought=pl.lit("no"))
    rows = pl.concat([rows, rows.head(2).with_columns(bought=pl.lit("perhaps"))])
    found = roles.observed(rows, agreed)
    assert found.column("city").categories == ("Lyon", "Paris")
    assert found.column("amount").maximum == rows["amount"].max()
    assert found.column("amount").nullable  # as agreed, though these rows have no gap
    assert found.column("bought").categories == ("no", "perhaps")


def test_a_label_is_required_unless_a_person_says_otherwise(shop: pl.DataFrame) -> None:
    holes = shop.with_columns(bought=pl.when(pl.col("items") > 1).then("bought"))
    schema = infer(holes, "bought").schema
    assert schema.column("bought").nullable
    required = roles.label_required(schema)
    assert not required.column("bought").nullable
    assert required.column("amount").nullable
