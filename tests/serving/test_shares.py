from __future__ import annotations

import numpy as np
import pytest

from toolkit.serving import shares
from toolkit.serving.model import Prediction
from toolkit.serving.shares import Shares

TABLE = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], dtype=np.float32)
ROWS = [[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]]


def test_reads_as_the_lists_would() -> None:
    made = Shares(TABLE)
    assert (len(made), list(made), made[1], made[-1], list(made[1:])) == (3, ROWS, ROWS[1], ROWS[2], ROWS[1:])
    assert made == ROWS
    assert made != ROWS[:2]
    assert made != "something else"
    assert all(type(share) is float for row in made for share in row)


def test_few_rows_are_lists() -> None:
    assert shares.of(TABLE) == ROWS
    assert isinstance(shares.of(TABLE), list)
    many = shares.of(np.tile(TABLE, (shares.FROM, 1)))
    assert isinstance(many, Shares)
    assert isinstance(many[: shares.FROM], Shares)
    assert isinstance(many[:3], list)


@pytest.mark.parametrize("parts", [[Shares(TABLE), Shares(TABLE)], [Shares(TABLE), ROWS], [ROWS, ROWS]])
def test_parts_follow_each_other(parts: list[list[list[float]]]) -> None:
    assert list(shares.together(parts)) == ROWS + ROWS


@pytest.mark.parametrize("classes", [("no", "yes"), ("a", "b", "c")])
def test_a_prediction_says_the_same_of_both(classes: tuple[str, ...]) -> None:
    table = np.random.default_rng(0).random((700, len(classes)), dtype=np.float32)
    labels = ["x"] * len(table)
    listed = Prediction(labels=labels, probabilities=table.tolist(), classes=classes)
    packed = Prediction(labels=labels, probabilities=Shares(table), classes=classes)
    assert packed.confidence == listed.confidence
    assert all(type(share) is float for share in packed.confidence)
    assert packed.scores.tolist() == listed.scores
    assert packed.scores.dtype == (np.float64 if len(classes) == 2 else np.float32)
