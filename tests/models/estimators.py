"""Estimators as people write them: `ESTIMATORS[name](data)` is one to fit, `LABELS[name]` what it predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import xgboost
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

from toolkit.models.data import TrainingData

Make = Callable[[TrainingData], Any]


def coded(data: TrainingData, **options: Any) -> ColumnTransformer:
    """Text as numbers in front, numbers with their gaps behind."""
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=options.get("unknown", -1))
    return make_column_transformer((encoder, data.text), ("passthrough", data.numeric))


def dense(data: TrainingData, **imputing: Any) -> ColumnTransformer:
    numbers = make_pipeline(SimpleImputer(**imputing), StandardScaler())
    words = make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), OneHotEncoder(handle_unknown="ignore"))
    return make_column_transformer((numbers, data.numeric), (words, data.text))


def rare(data: TrainingData) -> ColumnTransformer:
    words = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.25, sparse_output=False)
    bins = OneHotEncoder(handle_unknown="ignore", drop="first", max_categories=5)
    return make_column_transformer(
        (words, data.text),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), bins), ["visits"]),
        (SimpleImputer(strategy="median", add_indicator=True), ["amount", "opened"]),
        (KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"), ["born"]),
    )


BINARY: dict[str, Make] = {
    "logistic": lambda d: make_pipeline(dense(d), LogisticRegression(max_iter=500)),
    "logistic indicator": lambda d: make_pipeline(dense(d, add_indicator=True), LogisticRegression(max_iter=500)),
    "logistic rare": lambda d: make_pipeline(rare(d), StandardScaler(), LogisticRegression(max_iter=500)),
    "logistic searched": lambda d: GridSearchCV(
        make_pipeline(dense(d), LogisticRegression(max_iter=500)), {"logisticregression__C": [0.1, 1]}, cv=2
    ),
    "target encoded": lambda d: make_pipeline(
        make_column_transformer((TargetEncoder(), d.text), (SimpleImputer(), d.numeric)),
        StandardScaler(),
        LogisticRegression(max_iter=500),
    ),
    "hist": lambda d: make_pipeline(coded(d), HistGradientBoostingClassifier(max_iter=20)),
    "hist categories": lambda d: make_pipeline(
        coded(d), HistGradientBoostingClassifier(max_iter=20, categorical_features=[0])
    ),
    "hist categories nan": lambda d: make_pipeline(
        coded(d, unknown=np.nan), HistGradientBoostingClassifier(max_iter=20, categorical_features=[0])
    ),
    "hist alone": lambda d: HistGradientBoostingClassifier(max_iter=20, categorical_features=d.text),
    "hist alone in a pipeline": lambda d: make_pipeline(
        HistGradientBoostingClassifier(max_iter=20, categorical_features=d.text)
    ),
    "forest": lambda d: make_pipeline(coded(d), RandomForestClassifier(20, random_state=0)),
    "tree": lambda d: make_pipeline(coded(d), DecisionTreeClassifier(max_depth=6, random_state=0)),
    "gradient boosting": lambda d: make_pipeline(dense(d), GradientBoostingClassifier(n_estimators=20)),
    "lightgbm": lambda d: make_pipeline(coded(d), lightgbm.LGBMClassifier(n_estimators=20, verbose=-1)),
    "xgboost": lambda d: make_pipeline(coded(d), xgboost.XGBClassifier(n_estimators=20)),
}
MULTICLASS: dict[str, Make] = {
    "logistic many": lambda d: make_pipeline(dense(d), LogisticRegression(max_iter=500)),
    "hist many": lambda d: HistGradientBoostingClassifier(max_iter=10, categorical_features=d.text),
    "forest many": lambda d: make_pipeline(coded(d), RandomForestClassifier(10, random_state=0)),
    "lightgbm many": lambda d: make_pipeline(coded(d), lightgbm.LGBMClassifier(n_estimators=10, verbose=-1)),
    "xgboost many": lambda d: make_pipeline(coded(d), xgboost.XGBClassifier(n_estimators=10)),
}
REGRESSION: dict[str, Make] = {
    "ridge": lambda d: make_pipeline(dense(d), Ridge()),
    "hist number": lambda d: HistGradientBoostingRegressor(max_iter=20, categorical_features=d.text),
    "hist poisson": lambda d: make_pipeline(coded(d), HistGradientBoostingRegressor(max_iter=20, loss="poisson")),
    "forest number": lambda d: make_pipeline(coded(d), RandomForestRegressor(10, random_state=0)),
    "extra trees": lambda d: make_pipeline(coded(d), ExtraTreesRegressor(10, random_state=0)),
    "lightgbm number": lambda d: make_pipeline(coded(d), lightgbm.LGBMRegressor(n_estimators=20, verbose=-1)),
    "xgboost number": lambda d: make_pipeline(coded(d), xgboost.XGBRegressor(n_estimators=20)),
}
ESTIMATORS: dict[str, Make] = BINARY | MULTICLASS | REGRESSION
LABELS: dict[str, str] = (
    dict.fromkeys(BINARY, "bought") | dict.fromkeys(MULTICLASS, "tier") | dict.fromkeys(REGRESSION, "spent")
)
