"""Columns that are the answer are found; columns that are merely good are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from toolkit.data import giveaway
from toolkit.domain.records import Task

Numbers = np.ndarray[Any, Any]
ROWS = 2000
DRAW = np.random.default_rng(11)
NUMBER = DRAW.lognormal(1, 1, ROWS)
BINARY = DRAW.random(ROWS) < 0.3
RARE = DRAW.random(ROWS) < 0.01
CLASSES = DRAW.integers(0, 5, ROWS)


def flipped(values: Numbers, share: float) -> Numbers:
    return np.where(DRAW.random(ROWS) < share, DRAW.permutation(values), values)


def judged(feature: Any, label: Any, task: Task) -> giveaway.Strength:
    return giveaway.strengths(pl.DataFrame({"x": feature, "y": label}), ["x"], "y", task)["x"]


@pytest.mark.parametrize(
    ("feature", "label", "task"),
    [
        (BINARY, BINARY, "binary"),
        (np.where(BINARY, "won", "lost"), BINARY, "binary"),
        (BINARY * 7 - 3, BINARY, "binary"),
        (BINARY + DRAW.normal(0, 0.1, ROWS), BINARY, "binary"),
        (RARE + DRAW.normal(0, 0.05, ROWS), RARE, "binary"),
        (flipped(BINARY, 0.01), BINARY, "binary"),
        (np.abs(NUMBER - 3), np.abs(NUMBER - 3) < 1, "binary"),
        (NUMBER, np.abs(NUMBER - 3) < 1, "binary"),
        (pl.Series(NUMBER).set(pl.Series(BINARY), None), BINARY, "binary"),
        (CLASSES, CLASSES, "multiclass"),
        ((CLASSES * 3) % 5, CLASSES, "multiclass"),
        (np.array(list("qwert"))[CLASSES], CLASSES, "multiclass"),
        (CLASSES + DRAW.normal(0, 0.05, ROWS), CLASSES, "multiclass"),
        (NUMBER, NUMBER, "regression"),
        (-2 * NUMBER + 5, NUMBER, "regression"),
        (np.log(NUMBER), NUMBER, "regression"),
        (NUMBER + DRAW.normal(0, 0.01 * NUMBER.std(), ROWS), NUMBER, "regression"),
        (np.round(NUMBER, 2).astype(str), np.round(NUMBER, 2), "regression"),
    ],
)  # fmt: skip
def test_copies_codes_near_copies_and_proxies_are_found(feature: Any, label: Any, task: Task) -> None:
    assert judged(feature, label, task).left_out


@pytest.mark.parametrize(
    ("feature", "label", "task"),
    [
        (DRAW.normal(size=ROWS), BINARY, "binary"),
        (DRAW.normal(size=ROWS), RARE, "binary"),
        (DRAW.choice(["a", "b"], ROWS), RARE, "binary"),
        ([f"name {k}" for k in range(ROWS)], BINARY, "binary"),
        (BINARY + DRAW.normal(0, 0.5, ROWS), BINARY, "binary"),
        (flipped(BINARY, 0.2), BINARY, "binary"),
        (flipped(CLASSES, 0.1), CLASSES, "multiclass"),
        (np.arange(ROWS), CLASSES, "multiclass"),
        (NUMBER + DRAW.normal(0, 0.1 * NUMBER.std(), ROWS), NUMBER, "regression"),
        (DRAW.choice(["a", "b"], ROWS), NUMBER, "regression"),
        ([None] * ROWS, NUMBER, "regression"),
        (np.ones(ROWS), BINARY, "binary"),
    ],
)  # fmt: skip
def test_good_features_and_noise_are_not(feature: Any, label: Any, task: Task) -> None:
    strength = judged(feature, label, task)
    assert not strength.left_out
    assert not strength.refused


def test_the_gate_is_more_lenient_than_init() -> None:
    for gate, init in giveaway.LIMITS.values():
        assert init < gate < 1


def test_too_few_rows_prove_nothing() -> None:
    assert not judged([1.0, 2.0] * 9, [0, 1] * 9, "binary").left_out
    few = np.arange(100) < 3
    assert not judged(few.astype(float), few, "binary").left_out


@pytest.mark.parametrize("order", [lambda n: np.arange(n), lambda n: np.arange(n)[::-1]])
def test_the_order_of_the_file_tells_nothing(order: Callable[[int], Numbers]) -> None:
    """Rows sorted by label: equal values of a feature must not be told apart by where they lie."""
    label = np.repeat([0, 1], ROWS // 2)[order(ROWS)]
    assert judged(DRAW.integers(0, 500, ROWS), label, "binary").value < 0.2


def test_a_large_table_is_sampled_from_all_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows of a file that is sorted by label know one class only."""
    monkeypatch.setattr(giveaway, "ROWS", 500)
    assert judged(NUMBER, NUMBER, "regression").left_out
    label = np.repeat([0, 1], ROWS // 2)
    assert judged(label * 2.5, label, "binary").left_out
