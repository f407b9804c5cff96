from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from toolkit.domain.records import Shape
from toolkit.quality.baseline import Baseline
from toolkit.quality.counter import Counter
from toolkit.quality.merge import merge
from toolkit.quality.shape import BARS, KINDS, shapes


def _shapes(baseline: Baseline, frame: dict[str, list[Any]], scores: list[float]) -> dict[str, Shape]:
    counter = Counter(baseline)
    counter.add_columns(frame, scores)
    counted = counter.take()
    assert counted is not None
    found = shapes(baseline, merge([counted], baseline))
    return {column.name: shape for column, shape in zip(baseline.columns, found, strict=True)}


@pytest.fixture
def found(
    baseline: Baseline,
    window: Callable[..., dict[str, list[Any]]],
    scored: Callable[[int, int], tuple[list[float], Any]],
) -> dict[str, Shape]:
    return _shapes(baseline, window(2000, 5, 2.0), scored(2000, 6)[0])


def test_every_row_is_in_one_bar_on_both_sides(found: dict[str, Shape]) -> None:
    for shape in found.values():
        assert len(shape.labels) == len(shape.reference) == len(shape.window) <= BARS + 1
        assert sum(shape.reference) == pytest.approx(1, abs=1e-3)
        assert sum(shape.window) == pytest.approx(1, abs=1e-3)


def test_a_shift_is_seen_where_it_is(found: dict[str, Shape]) -> None:
    def centre(shares: tuple[float, ...]) -> float:
        return sum(index * share for index, share in enumerate(shares))

    moved, same = found["normal"], found["skewed"]
    assert centre(moved.window) - centre(moved.reference) > 4
    assert abs(centre(same.window) - centre(same.reference)) < 1


def test_categories_are_named_and_the_rest_is_one(found: dict[str, Shape]) -> None:
    assert set(found["colour"].labels) == {"red", "green", "blue", "null"}
    assert found["plate"].labels[KINDS] == "other"
    assert found["flag"].labels in [("false", "true"), ("true", "false")]
    assert found["seen"].labels == ("present", "null")


def test_a_window_of_nothing_has_empty_bars(baseline: Baseline) -> None:
    for shape in shapes(baseline, merge([], baseline)):
        assert not any(shape.window)
