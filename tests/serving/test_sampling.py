"""Sampled contributions: exact where nothing interacts, always summing up, near the definition, the same every time."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest

from tests.serving.explained import every_coalition, trained
from toolkit.serving import sampling
from toolkit.serving.shapley import TooSlow

DRAW = random.Random(7)
BACKGROUND = [tuple(DRAW.gauss(0, 1) for _ in range(5)) for _ in range(20)]
ROW = (1.0, -2.0, 0.5, 3.0, BACKGROUND[0][4])


def of(function: Any) -> Any:
    return lambda rows: [function(*row) for row in rows]


def explain(ask: Any, row: Sequence[Any] = ROW, background: Any = BACKGROUND) -> Any:
    return sampling.explain(ask, row, background, math.inf)


def test_a_sum_is_explained_exactly() -> None:
    found = explain(of(lambda a, b, c, d, e: 2 * a - b + c * c - 3 * d + 5))
    mean = [math.fsum(column) / 20 for column in zip(*BACKGROUND, strict=True)]
    square = math.fsum(row[2] ** 2 for row in BACKGROUND) / 20
    expected = [2 * (1 - mean[0]), -(-2 - mean[1]), 0.25 - square, -3 * (3 - mean[3]), 0.0]
    assert found.parts == pytest.approx(expected)
    assert found.value == pytest.approx(2 + 2 + 0.25 - 9 + 5)


def tangled(a: float, b: float, c: float, d: float, e: float) -> float:
    return a * b * c + max(d, e) + (1 if a > d else -1)


def test_what_interacts_is_near_the_definition_and_sums_up_exactly() -> None:
    ask = of(tangled)
    found = explain(ask)
    assert found.parts == pytest.approx(every_coalition(ask, ROW, BACKGROUND), abs=0.35)
    assert found.base + math.fsum(found.parts) == pytest.approx(found.value)
    assert found.value == pytest.approx(tangled(*ROW))
    assert found.base == pytest.approx(math.fsum(ask(BACKGROUND)) / 20)
    assert explain(ask) == found


def test_a_model_is_asked_in_parts_and_only_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def ask(rows: Sequence[Any]) -> list[float]:
        asked.append(len(rows))
        return of(tangled)(rows)  # type: ignore[no-any-return]

    whole = explain(ask)
    assert asked == [2 * (20 * 6 - 1)]  # the last feature is that of one background row already
    monkeypatch.setattr(sampling, "AT_ONCE", 30)
    assert explain(ask).parts == pytest.approx(whole.parts)
    assert max(asked[1:]) <= 30 + 12


def test_a_row_of_the_background_alone_says_nothing() -> None:
    assert explain(of(tangled), BACKGROUND[0], BACKGROUND[:1]).parts == [0.0] * 5


def test_the_deadline_is_kept() -> None:
    with pytest.raises(TooSlow):
        sampling.explain(of(tangled), ROW, BACKGROUND, -1.0)


@pytest.mark.parametrize("name", ["hist", "forest many", "ridge"])
def test_a_real_model_is_near_the_definition(name: str) -> None:
    found = trained(name)

    def ask(rows: Sequence[Any]) -> list[float]:
        return [scores[-1] for scores in found.scores(rows)]

    background = found.rows[:30]
    scale = 1.0 if found.model.signature.classes else 300.0
    for row in found.rows[100:103]:
        got = sampling.explain(ask, row, background, math.inf)
        assert got.parts == pytest.approx(every_coalition(ask, row, background), abs=0.05 * scale)
        assert got.base + math.fsum(got.parts) == pytest.approx(ask([row])[0])
