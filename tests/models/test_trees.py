"""The corrections, one by one: each of these fails with the converter's own idea of a tree."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from toolkit.domain.records import Column, Schema
from toolkit.models import converters, trees
from toolkit.models.data import TrainingData, training_data
from toolkit.models.export import to_onnx
from toolkit.models.native import native
from toolkit.models.parity import ParityFailed, certify
from toolkit.models.served import answer, loaded
from toolkit.models.signature import signature


@given(st.floats(allow_nan=False, width=64), st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_floored_threshold_splits_float32_alike(threshold: float, value: float) -> None:
    assert (value <= threshold) == (np.float32(value) <= trees.floor32(threshold))


def neighbours() -> TrainingData:
    """Adjacent float32 numbers with other labels: a split lies between the two, where rounding decides."""
    start = np.float32(0.1)
    values = [start]
    for _ in range(39):
        values.append(np.nextafter(values[-1], np.float32(1)))
    x = np.repeat(np.array(values, dtype=np.float64), 50)
    label = np.repeat(np.arange(40) // 3 % 2 == 0, 50)
    return _data(pl.DataFrame({"x": x, "y": label}))


def gaps() -> TrainingData:
    """A missing number says which class it is."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    label = x > 0
    x[rng.random(600) < 0.3] = np.nan
    return _data(pl.DataFrame({"x": x, "y": label | np.isnan(x)}))


def groups() -> TrainingData:
    """Numbers that are names: 3, 7 and 11 are one class, without an order."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 15, 900).astype(float)
    x[rng.random(900) < 0.1] = np.nan
    return _data(pl.DataFrame({"x": x, "y": np.isin(x, [3, 7, 11])}))


def _data(frame: pl.DataFrame) -> TrainingData:
    frame = frame.with_columns(z=pl.col("x") * 0)
    columns = [Column(name=name, dtype="float64") for name in ("x", "z")]
    return training_data(frame, Schema(columns=(*columns, Column(name="y", dtype="bool", role="label"))))


def hist(**options: Any) -> Any:
    return HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=1, **options)


def boosted() -> Any:
    return lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=1, min_data_in_bin=1, max_bin=1000, verbose=-1)


CASES = {
    "thresholds of hist": (neighbours, hist, "_hist"),
    "thresholds of lightgbm": (neighbours, boosted, "_lightgbm"),
    "missing values of a forest": (gaps, lambda: RandomForestClassifier(10, random_state=0), "_forest"),
    "categories of hist": (groups, lambda: hist(categorical_features=[0]), "_hist"),
}


def certified(data: TrainingData, estimator: Any) -> float:
    fitted = estimator.fit(data.X.to_numpy(), data.y)
    asked = native(fitted, data)
    signed = signature(asked, data, Column(name="y", dtype="bool"), data.X)
    model = loaded("trees", signed, to_onnx(fitted, signed.features, signed.classes))
    return certify(asked, lambda wired: answer(model, wired), signed.features, data.X, 1e-5).max_difference


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_corrected(case: str) -> None:
    data, estimator, _ = CASES[case]
    assert certified(data(), estimator()) < 1e-6


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_without_the_correction_the_model_is_refused(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data, estimator, correction = CASES[case]

    def integers(attributes: dict[str, Any]) -> dict[str, Any]:
        flags = [
            int(flag) for flag in attributes["nodes_missing_value_tracks_true"]
        ]  # else onnx refuses the numpy bool
        return {**attributes, "nodes_missing_value_tracks_true": flags}

    def uncorrected(library: Any) -> Any:
        return lambda scope, operator, container: library(scope, operator, trees.Correcting(container, integers))

    monkeypatch.setattr(converters, correction, uncorrected)
    with pytest.raises(ParityFailed, match="does not answer as"):
        certified(data(), estimator())
