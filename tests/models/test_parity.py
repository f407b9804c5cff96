"""The certificate refuses what does not answer alike, and says where."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.models.conftest import Table
from tests.models.estimators import ESTIMATORS
from toolkit.domain import wire
from toolkit.domain.records import Column, Feature
from toolkit.models.data import TrainingData, wire_frame
from toolkit.models.export import to_onnx
from toolkit.models.native import Answers, Native, native
from toolkit.models.parity import ParityFailed, adversarial, certify
from toolkit.models.served import answer, loaded
from toolkit.models.signature import signature

LABEL = Column(name="bought", dtype="bool")


@pytest.fixture(scope="module")
def data(table: Table) -> TrainingData:
    return table.data("bought")


@pytest.fixture(scope="module")
def fitted(data: TrainingData) -> Native:
    return native(ESTIMATORS["hist alone"](data).fit(data.X, data.y), data)


@pytest.fixture(scope="module")
def rows(table: Table, data: TrainingData) -> pl.DataFrame:
    return wire_frame(table.rows, data.features)


def test_adversarial_rows_are_what_the_words_say(fitted: Native, rows: pl.DataFrame) -> None:
    probes = list(adversarial(fitted.features, rows))
    whats = {probe.what for probe in probes}
    for feature in fitted.features:
        if wire.kind(feature.dtype) == "text":
            assert {f"{feature.name} = ''", f"{feature.name} = 'Oslo'"} <= whats
        else:
            assert f"{feature.name} = NaN" in whats
    assert "everything missing" in whats
    for probe in probes:
        for value in probe.changes.values():
            assert isinstance(value, str) or math.isnan(value) or value == wire.float32(value)


def test_probes_are_the_same_every_time(fitted: Native, rows: pl.DataFrame) -> None:
    first, second = (list(adversarial(fitted.features, rows)) for _ in range(2))
    assert repr(first) == repr(second)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda frame: frame.with_columns(pl.col("amount").fill_nan(0.0)), "= NaN"),
        (lambda frame: frame.with_columns(pl.col("city").replace("", "Oslo")), "city = ''"),
        (lambda frame: frame.with_columns(pl.col("city").str.replace("^never.*", "Oslo")), "never seen"),
        (lambda frame: frame.with_columns(pl.col("visits").clip(0, 39)), "visits ="),
    ],
    ids=["NaN", "empty text", "unseen text", "extremes"],
)
def test_an_exporter_that_is_wrong_in_one_place_only_is_refused(
    spoil: Any, says: str, table: Table, rows: pl.DataFrame
) -> None:
    data = table.data("bought")
    asked = native(ESTIMATORS["logistic indicator"](data).fit(data.X, data.y), data)
    held_out = rows.filter(~pl.any_horizontal(pl.col(data.numeric).is_nan()) & (pl.col("city") != ""))
    with pytest.raises(ParityFailed, match="adversarial row") as refused:
        certify(asked, lambda wired: asked.answer(spoil(wired)), data.features, held_out, 1e-6)
    assert says in refused.value.message
    assert "native [" in refused.value.message
    assert "over the tolerance 1e-06" in refused.value.message
    assert "export.tolerance" in refused.value.hint


def test_held_out_rows_are_compared_too(fitted: Native, rows: pl.DataFrame) -> None:
    def wrong(wired: pl.DataFrame) -> Answers:
        right = fitted.answer(wired)
        scores = right.scores.copy()
        scores[7] += 0.01
        return Answers(scores, right.labels)

    with pytest.raises(ParityFailed, match=r"held-out row 7: .* 1 of 600 rows differ"):
        certify(fitted, wrong, fitted.features, rows, 1e-4)
    assert certify(fitted, wrong, fitted.features, rows, 0.1).max_difference == pytest.approx(0.01)


def test_a_flipped_label_is_a_mismatch_even_with_equal_probabilities(fitted: Native, rows: pl.DataFrame) -> None:
    def flipped(wired: pl.DataFrame) -> Answers:
        right = fitted.answer(wired)
        assert right.labels is not None
        return Answers(right.scores, 1 - right.labels)

    with pytest.raises(ParityFailed, match="label"):
        certify(fitted, flipped, fitted.features, rows, 1e-4)


def test_nan_against_a_number_is_refused(fitted: Native, rows: pl.DataFrame) -> None:
    def nothing(wired: pl.DataFrame) -> Answers:
        right = fitted.answer(wired)
        return Answers(right.scores * np.nan, right.labels)

    with pytest.raises(ParityFailed, match="difference inf"):
        certify(fitted, nothing, fitted.features, rows, 1e-4)


def test_regression_is_compared_by_the_size_of_the_numbers(table: Table, rows: pl.DataFrame) -> None:
    data = table.data("spent")
    asked = native(ESTIMATORS["ridge"](data).fit(data.X, data.y), data)
    assert certify(
        asked, lambda wired: Answers(asked.answer(wired).scores * (1 + 5e-5)), data.features, rows, 1e-4
    ).max_difference == pytest.approx(5e-5, rel=0.01)
    with pytest.raises(ParityFailed):
        certify(asked, lambda wired: Answers(asked.answer(wired).scores * (1 + 5e-4)), data.features, rows, 1e-4)


def test_an_estimator_that_refuses_missing_numbers_says_so_in_its_signature(table: Table) -> None:
    from tests.models.test_export import numbers_only

    data = numbers_only()
    asked = native(LogisticRegression().fit(data.X, data.y), data)
    signed = signature(asked, data, Column(name="y", dtype="bool"), data.X)
    assert [feature.nullable for feature in signed.features] == [False] * 5
    model = loaded("strict", signed, to_onnx(asked.estimator, signed.features, signed.classes))
    probed = certify(asked, lambda wired: answer(model, wired), signed.features, data.X, 1e-5)
    assert probed.adversarial_rows > 100


def test_the_contract_may_be_stricter_than_the_estimator(
    fitted: Native, data: TrainingData, rows: pl.DataFrame
) -> None:
    strict = Feature(name="amount", dtype="float64", nullable=False)
    features = tuple(strict if f.name == "amount" else f for f in fitted.features)
    signed = signature(Native(fitted.estimator, features, fitted.classes, fitted.frame), data, LABEL, rows)
    assert [f.name for f in signed.features if not f.nullable] == ["amount"]


def test_an_estimator_that_refuses_unseen_text_is_refused(table: Table, data: TrainingData, rows: pl.DataFrame) -> None:
    columns = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["visits"]))
    data_ = table.data("bought")
    filled = data_.X.fill_nan(0.0)
    asked = native(make_pipeline(columns, LogisticRegression()).fit(filled, data_.y), data_)
    with pytest.raises(ParityFailed, match="refuses text in 'city' that it has not seen") as refused:
        signature(asked, data_, LABEL, rows.fill_nan(0.0))
    assert 'handle_unknown="ignore"' in refused.value.hint


def test_an_estimator_that_fails_on_real_rows_is_refused(table: Table, rows: pl.DataFrame) -> None:
    data = table.data("spent")
    numbers = data.X.select(data.numeric).fill_nan(0.0)
    asked = Native(Ridge().fit(numbers, data.y), tuple(f for f in data.features if f.dtype != "string"), (), "polars")
    with pytest.raises(ParityFailed, match="the estimator fails on held-out rows: ValueError: Input X contains NaN"):
        certify(asked, asked.answer, asked.features, rows, 1e-4)
