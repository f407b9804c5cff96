"""Groups of rows: their names, their order, and metrics equal to those of the group alone."""

from __future__ import annotations

from toolkit.quality.metrics import evaluate
from toolkit.quality.slices import by_slice, groups


def test_metrics_of_a_group_are_its_own() -> None:
    truth = ["yes", "no"] * 100
    answer = ["yes"] * 200
    place = ["north"] * 150 + ["south"] * 50
    north, south = by_slice("binary", truth, answer, [0.9] * 200, ("no", "yes"), {"place": place})
    assert (north.column, north.value, north.rows) == ("place", "north", 150)
    assert north.metrics == evaluate("binary", truth[:150], answer[:150], [0.9] * 150, ("no", "yes"))
    assert south.rows == 50


def test_groups_of_few_rows_are_left_out() -> None:
    found = by_slice("regression", [1.0] * 30, [2.0] * 30, None, (), {"c": ["a"] * 25 + ["b"] * 5})
    assert [part.value for part in found] == ["a"]
    found = by_slice("regression", [1.0] * 30, [2.0] * 30, None, (), {"c": ["a"] * 25 + ["b"] * 5}, fewest=5)
    assert [part.value for part in found] == ["a", "b"]


def test_numbers_are_cut_at_their_quartiles() -> None:
    found = groups([None, *range(100)])
    assert {name: len(rows) for name, rows in found.items()} == {
        "<= 24.75": 25,
        "(24.75, 49.5]": 25,
        "(49.5, 74.25]": 25,
        "> 74.25": 25,
        "(null)": 1,
    }


def test_few_numbers_are_groups_themselves() -> None:
    assert {name: rows.tolist() for name, rows in groups([1, 2, 1, True]).items()} == {
        "1": [0, 2],
        "2": [1],
        "True": [3],
    }


def test_many_texts_end_in_other() -> None:
    found = groups([f"t{i}" for i in range(30)] + ["t1"])
    assert next(iter(found)) == "t1"
    assert len(found["(other)"]) == 10
    assert sum(len(rows) for rows in found.values()) == 31
