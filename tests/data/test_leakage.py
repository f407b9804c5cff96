"""The gates refuse what they are there for; each case passes once the leak is taken out."""

from __future__ import annotations

import polars as pl
import pytest

from toolkit.data import leakage
from toolkit.data.infer import infer
from toolkit.data.split import split
from toolkit.domain.errors import GateFailed
from toolkit.domain.records import Split


def test_a_clean_table_passes_and_is_measured(shop: pl.DataFrame) -> None:
    schema = infer(shop, "bought").schema
    how = Split(kind="time")
    found = leakage.check(shop, split(shop, how, schema), how, schema)
    assert found["shared_rows"] == 0
    assert found["strongest_feature"]["column"] == "amount"
    assert 0.2 < found["strongest_feature"]["value"] < 0.95


def test_shared_rows_are_counted_and_refused(shop: pl.DataFrame) -> None:
    schema = infer(shop, "bought").schema
    with pytest.raises(GateFailed, match="row overlap: 12 of 100 test rows"):
        leakage.overlap(shop.head(500), pl.concat([shop.tail(88), shop.head(12)]), schema)
    renamed = shop.head(12).with_columns(visit_id=pl.lit("another id"))
    with pytest.raises(GateFailed, match="row overlap: 12 of 12"):
        leakage.overlap(shop.head(500), renamed, schema)


def test_repeats_by_nature_are_not_judged(shop: pl.DataFrame) -> None:
    frame = shop.select("city", "bought")
    schema = infer(frame, "bought").schema
    assert leakage.overlap(*split(frame, Split(), schema), schema) == -1


def test_time_travel_is_refused(shop: pl.DataFrame) -> None:
    ordered = shop.sort("when")
    leakage.time_order(ordered.head(400), ordered.filter(pl.col("when") > ordered["when"][399]), "when")
    with pytest.raises(GateFailed, match="time order: training rows reach 2024"):
        leakage.time_order(ordered.tail(400), ordered.head(100), "when")
    with pytest.raises(GateFailed, match="time order"):
        leakage.time_order(ordered.head(400), ordered.slice(399), "when")


def test_a_feature_that_is_the_answer_is_refused_unless_trusted(shop: pl.DataFrame) -> None:
    leaky = shop.with_columns(refund=pl.when(pl.col("bought") == "yes").then(1.0))
    schema = infer(leaky, "bought", leave_out=False).schema
    with pytest.raises(GateFailed, match=r"feature 'refund' gives the label away: .* 1\.0000 alone") as refused:
        leakage.single_feature(leaky, schema)
    assert "data.ignore" in refused.value.hint
    assert leakage.single_feature(leaky, schema, trusted=["refund"])["column"] == "refund"
