"""The estimate without labels against the truth, as inputs move; and the realised figures where labels came."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.domain.errors import DataError
from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.counter import Counter
from toolkit.quality.estimate import estimate, realised
from toolkit.quality.merge import merge
from toolkit.quality.metrics import chosen, evaluate

FEATURES = [Feature(name="x", dtype="float64")]


def estimated(baseline: Baseline, x: list[float], scores: object) -> dict[str, float]:
    counter = Counter(baseline)
    counter.add_columns({"x": x}, scores)
    return estimate(baseline, merge([counter.take() or b""], baseline))


def test_binary_estimate_follows_the_inputs() -> None:
    """The model is badly calibrated, the inputs move: accuracy and AUC are still estimated within 0.01."""
    rng = np.random.default_rng(0)

    def draw(rows: int, shift: float) -> tuple[list[float], list[float], list[str]]:
        x = rng.normal(shift, 1.5, rows)
        hit = rng.random(rows) < 1 / (1 + np.exp(-x))
        overconfident = 1 / (1 + np.exp(-2.5 * x))
        return x.tolist(), overconfident.tolist(), ["yes" if h else "no" for h in hit]

    x, p, y = draw(40_000, 0.0)
    baseline = build_baseline({"x": x}, FEATURES, p, y, "binary", ("no", "yes"))
    seen = []
    for shift in (0.0, 0.8, -1.5):
        x, p, y = draw(20_000, shift)
        found = estimated(baseline, x, p)
        prediction, chances = chosen("binary", p, ("no", "yes"))
        truth = evaluate("binary", y, prediction, chances, ("no", "yes"))
        for name in ("accuracy", "roc_auc", "precision", "recall", "f1"):
            assert found[f"estimated_{name}"] == pytest.approx(truth[name], abs=0.015), (name, shift)
        assert found["estimated_accuracy_low"] < truth["accuracy"] < found["estimated_accuracy_high"]
        seen.append(found["estimated_accuracy"])
    assert max(seen) - min(seen) > 0.03  # the inputs did move what is to be expected


def test_multiclass_estimate() -> None:
    rng = np.random.default_rng(1)
    classes = ("a", "b", "c")

    def draw(rows: int, sharp: float) -> tuple[list[float], np.ndarray, list[str]]:
        logits = rng.normal(0, sharp, (rows, 3))
        real = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        labels = [classes[int(np.searchsorted(np.cumsum(p), rng.random()))] for p in real]
        told = real**2 / (real**2).sum(axis=1, keepdims=True)
        return rng.normal(0, 1, rows).tolist(), told, labels

    x, p, y = draw(30_000, 1.5)
    baseline = build_baseline({"x": x}, FEATURES, p, y, "multiclass", classes)
    for sharp in (1.5, 1.2):
        x, p, y = draw(10_000, sharp)
        found = estimated(baseline, x, p)
        prediction, chances = chosen("multiclass", p, classes)
        truth = evaluate("multiclass", y, prediction, chances, classes)
        assert found["estimated_accuracy"] == pytest.approx(truth["accuracy"], abs=0.02)
        assert found["estimated_macro_f1"] == pytest.approx(truth["macro_f1"], abs=0.02)


def test_nothing_to_estimate_from() -> None:
    regression = build_baseline({"x": [1.0] * 300}, FEATURES, [1.0] * 300, [1.5] * 300, "regression")
    assert regression.metrics["mae"] == 0.5
    assert estimated(regression, [1.0], [1.0]) == {}
    without = build_baseline({"x": [1.0] * 300}, FEATURES, [0.5] * 300, None, "binary", ("no", "yes"))
    assert estimated(without, [1.0], [0.5]) == {}
    binary = build_baseline(
        {"x": [1.0] * 300}, FEATURES, [0.1, 0.9] * 150, ["no", "yes"] * 150, "binary", ("no", "yes")
    )
    assert estimated(binary, [1.0], [None]) == {}


def test_realised_of_joined_pairs() -> None:
    found = realised("binary", ("0", "1"), [(0.9, 1), (0.2, 0), (0.7, "0"), (0.1, 7)])
    assert found["labelled_rows"] == 3
    assert found["unknown_labels"] == 1
    assert found["realised_accuracy"] == pytest.approx(2 / 3)
    assert realised("binary", ("0", "1"), []) == {}
    assert realised("regression", (), [(1.0, 2.0), (2.0, 2.0)])["realised_mae"] == 0.5
    assert realised("multiclass", ("a", "b", "c"), [((0.1, 0.8, 0.1), "b")])["realised_accuracy"] == 1.0
    with pytest.raises(DataError, match="label of row 0 is no finite number"):
        realised("regression", (), [(1.0, float("nan"))])
