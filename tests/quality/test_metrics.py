"""Metrics against scikit-learn's on the same rows, and what is left out rather than NaN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from toolkit.domain.errors import DataError
from toolkit.quality.metrics import HIGHER_IS_BETTER, chosen, class_indexes, evaluate

rows = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])), min_size=1, max_size=50)


@settings(deadline=None, max_examples=60)
@given(rows)
def test_binary(found: list[tuple[bool, float]]) -> None:
    truth, chance = np.array([t for t, _ in found]), np.array([p for _, p in found])
    answer = chance > 0.5
    names = [["no", "yes"][int(a)] for a in answer]
    got = evaluate("binary", [["no", "yes"][int(t)] for t in truth], names, chance, ("no", "yes"))
    wanted = {
        "accuracy": oracle.accuracy_score(truth, answer),
        "brier": oracle.brier_score_loss(truth, chance),
        "log_loss": oracle.log_loss(truth, chance, labels=[False, True]),
    }
    if answer.any():
        wanted["precision"] = oracle.precision_score(truth, answer, zero_division=0)
    if truth.any():
        wanted["recall"] = oracle.recall_score(truth, answer, zero_division=0)
    if truth.any() or answer.any():
        wanted["f1"] = oracle.f1_score(truth, answer, zero_division=0)
    if 0 < truth.sum() < len(truth):
        wanted["roc_auc"] = oracle.roc_auc_score(truth, chance)
    assert got == pytest.approx(wanted, abs=1e-9)
    assert got.keys() <= HIGHER_IS_BETTER.keys()


def test_multiclass() -> None:
    rng = np.random.default_rng(0)
    classes = ("a", "b", "c", "d")
    chances = rng.dirichlet((1, 1, 1, 1), 300)
    truth = rng.choice(classes[:3], 300).tolist()
    answer, _ = chosen("multiclass", chances, classes)
    got = evaluate("multiclass", truth, answer, chances, classes)
    assert got == pytest.approx(
        {
            "accuracy": oracle.accuracy_score(truth, answer),
            "macro_f1": oracle.f1_score(truth, answer, average="macro"),
            "log_loss": oracle.log_loss(truth, chances, labels=list(classes)),
        }
    )
    assert evaluate("multiclass", truth, answer, None, classes).keys() == {"accuracy", "macro_f1"}


def test_regression() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1, 100)
    answer = truth + rng.normal(0, 0.3, 100)
    got = evaluate("regression", truth, answer)
    assert got == pytest.approx(
        {
            "rmse": math.sqrt(oracle.mean_squared_error(truth, answer)),
            "mae": oracle.mean_absolute_error(truth, answer),
            "r2": oracle.r2_score(truth, answer),
        }
    )
    assert evaluate("regression", [1, 1], [1, 2]).keys() == {"rmse", "mae"}


def test_one_class_leaves_out_what_it_does_not_define() -> None:
    got = evaluate("binary", ["no"] * 4, ["no"] * 4, [0.1] * 4, ("no", "yes"))
    assert got.keys() == {"accuracy", "brier", "log_loss"}
    assert all(math.isfinite(value) for value in got.values())


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([0, 1], ("0", "1")),
        ([0.0, 1.0], ("0", "1")),
        (["0", "1"], ("0", "1")),
        ([False, True], ("false", "true")),
        ([False, True], ("False", "True")),
        ([False, True], ("0", "1")),
        ([0, 1], ("0.0", "1.0")),
        (np.array([0, 1]), ("0", "1")),
        (np.array([False, True]), ("False", "True")),
        (np.array(["a", "b"]), ("a", "b")),
    ],
)
def test_a_label_is_known_by_its_usual_spellings(labels: Any, classes: tuple[str, ...]) -> None:
    assert class_indexes(labels, classes).tolist() == [0, 1]


def test_what_cannot_be_evaluated_is_named() -> None:
    with pytest.raises(DataError, match="label 'x' is none of the model's classes: a, b"):
        evaluate("binary", ["x"], ["a"], None, ("a", "b"))
    with pytest.raises(DataError, match="2 labels for 1 predictions"):
        evaluate("binary", ["a", "b"], ["a"], None, ("a", "b"))
    with pytest.raises(DataError, match="no rows"):
        evaluate("regression", [], [])
    with pytest.raises(DataError, match="prediction of row 1 is no finite number"):
        evaluate("regression", [1, 2], [1, math.inf])
    with pytest.raises(DataError, match="a label is no number"):
        evaluate("regression", ["x"], [1])
    with pytest.raises(DataError, match=r"probabilities have shape \(1, 3\)"):
        evaluate("binary", ["a"], ["a"], [[0.1, 0.2, 0.7]], ("a", "b"))
    with pytest.raises(DataError, match="no finite number"):
        evaluate("binary", ["a"], ["a"], [math.nan], ("a", "b"))
