"""What `train` may return, and what it is told when it returns something else."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from tests.models.conftest import Table
from tests.models.estimators import ESTIMATORS, dense
from toolkit.domain.errors import TrainingFailed
from toolkit.models.data import TrainingData
from toolkit.models.native import native

REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (lambda d: None, r"train\(\) returned None"),
    "a number": (lambda d: 0.97, "a float, which has no fit and predict"),
    "a tuple": (lambda d: (1, 2), "a tuple, which has no fit and predict"),
    "not fitted": (lambda d: ESTIMATORS["hist"](d), "a Pipeline that is not fitted"),
    "no probabilities": (lambda d: make_pipeline(dense(d), LinearSVC()).fit(d.X, d.y), "gives no probabilities"),
    "own labels": (
        lambda d: ESTIMATORS["hist"](d).fit(d.X, np.array(["no", "yes"])[d.y]),
        "knows the classes",
    ),
    "other columns": (
        lambda d: HistGradientBoostingClassifier().fit(d.X.select(d.numeric).with_columns(ratio=pl.lit(1.0)), d.y),
        "column 'ratio'",
    ),
    "fewer columns, unnamed": (
        lambda d: HistGradientBoostingClassifier().fit(d.X.select(d.numeric[:2]).to_numpy(), d.y),
        "fitted on 2 columns",
    ),
    "a regressor": (
        lambda d: make_pipeline(dense(d), HistGradientBoostingRegressor()).fit(d.X, d.y),
        "returned no classifier, and 'bought' has 2 classes",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_train_may_not_return(case: str, table: Table) -> None:
    make, says = REFUSED[case]
    data = table.data("bought")
    with pytest.raises(TrainingFailed, match=says) as refused:
        native(make(data), data)
    assert refused.value.hint


def test_a_classifier_for_a_number_is_refused(table: Table) -> None:
    data = table.data("spent")
    wrong = ESTIMATORS["hist"](data).fit(data.X, data.y > data.y.mean())
    with pytest.raises(TrainingFailed, match="returned a classifier"):
        native(wrong, data)


def test_fewer_features_are_the_signature(table: Table) -> None:
    data = table.data("bought")
    estimator = HistGradientBoostingClassifier().fit(data.X.select("born", "amount"), data.y)
    asked = native(estimator, data)
    assert [feature.name for feature in asked.features] == ["born", "amount"]
    assert asked.answer(data.X).scores.shape == (600, 2)


@pytest.mark.parametrize("name", ["hist alone", "lightgbm", "xgboost"])
def test_the_framework_is_named(name: str, table: Table) -> None:
    data: TrainingData = table.data("bought")
    kind = native(ESTIMATORS[name](data).fit(data.X, data.y), data).kind
    assert kind in (
        "sklearn HistGradientBoostingClassifier",
        "lightgbm Pipeline(ColumnTransformer, LGBMClassifier)",
        "xgboost Pipeline(ColumnTransformer, XGBClassifier)",
    )
