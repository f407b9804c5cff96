"""Rows by position and columns of one, with features of awkward names and numbers."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.serving.problems import Problem
from toolkit.serving.protocols import reading


@pytest.mark.parametrize(
    ("names", "items", "records"),
    [
        (["a", "b"], [[1, 2], {"a": 3}], [{"a": 1, "b": 2}, {"a": 3}]),
        (["a", "b"], [{"features": [1, 2]}], [{"a": 1, "b": 2}]),
        (["features"], [{"features": [1]}, {"features": 2}], [{"features": [1]}, {"features": 2}]),
        (["a"], [1, None, "x", [2], {"a": 3}], [{"a": 1}, {"a": None}, {"a": "x"}, {"a": 2}, {"a": 3}]),
        (["a", "b"], [{"features": [1, 2], "a": 1}], [{"features": [1, 2], "a": 1}]),
        (["a"], [], []),
    ],
)
def test_rows(names: list[str], items: list[Any], records: list[Any]) -> None:
    assert reading.rows(names, items, "instances") == records


def test_only_a_list_of_one_is_opened() -> None:
    assert reading.columns({"a": [[1], [2, 3], [], 4], "b": [1], "c": 5}) == {"a": [1, [2, 3], [], 4], "b": [1], "c": 5}


def test_an_unheard_of_row_is_named() -> None:
    with pytest.raises(Problem, match="row 1: has 1 values, expected 2, in this order: a, b"):
        reading.rows(["a", "b"], [[1, 2], [1]], "instances")
