"""What a table is taken for, and what is said of it."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import polars as pl
import pytest

from toolkit.data.infer import Inference, infer
from toolkit.domain.errors import ConfigError, DataError
from toolkit.domain.records import Task

DRAW = np.random.default_rng(7)
ROWS = 300


def role(found: Inference, column: str) -> str:
    return found.schema.column(column).role


def kinds(found: Inference, column: str = "") -> list[str]:
    return [finding.kind for finding in found.findings if finding.column == column]


def test_a_whole_table(shop: pl.DataFrame) -> None:
    found = infer(shop, "bought")
    assert {c.name: (c.dtype, c.role) for c in found.schema.columns} == {
        "visit_id": ("string", "id"),
        "amount": ("float64", "feature"),
        "items": ("int64", "feature"),
        "city": ("string", "feature"),
        "member": ("bool", "feature"),
        "when": ("datetime", "time"),
        "born": ("date", "feature"),
        "bought": ("string", "label"),
    }
    assert (found.task, found.classes, found.time, found.left_out) == ("binary", ("no", "yes"), "when", ())
    amount, city = found.schema.column("amount"), found.schema.column("city")
    assert (amount.nullable, amount.minimum) == (True, shop["amount"].min())
    assert (city.nullable, city.categories) == (False, ("Lyon", "Nice", "Paris"))


@pytest.mark.parametrize(
    ("name", "values", "expected", "kind"),
    [
        ("anything", list(range(ROWS)), "id", "id"),
        ("anything", list(range(1, ROWS + 1)), "id", "id"),
        ("year", list(range(1700, 1700 + ROWS)), "feature", ""),
        ("income", [int(v) for v in DRAW.permutation(10 * ROWS)[:ROWS]], "feature", ""),
        ("customer_id", [int(v) for v in DRAW.integers(0, 10**6, ROWS)], "id", "id"),
        ("customerId", [int(v) for v in DRAW.integers(0, 10**6, ROWS)], "id", "id"),
        ("store_id", [int(v) for v in DRAW.integers(0, 5, ROWS)], "feature", ""),
        ("paid", [int(v) for v in DRAW.integers(0, 10**6, ROWS)], "feature", ""),
        ("anything", [str(uuid.UUID(int=int(v))) for v in DRAW.integers(0, 2**40, ROWS)], "id", "id"),
        ("anything", [f"text {v}" for v in range(ROWS)], "id", "id"),
        ("anything", [f"text {v}" for v in DRAW.integers(0, 250, ROWS)], "ignored", "free-text"),
        ("anything", [f"town {v}" for v in DRAW.integers(0, 30, ROWS)], "feature", ""),
        ("anything", [f"{v} " * 50 for v in DRAW.integers(0, 70, ROWS)], "ignored", "free-text"),
        ("anything", ["same"] * ROWS, "ignored", "constant"),
        ("anything", [1.5] * ROWS, "ignored", "constant"),
        ("anything", [None] * ROWS, "ignored", "constant"),
        ("anything", [1.5] * (ROWS - 1) + [2.5], "feature", "near-constant"),
        ("anything", [1.5, 2.5] + [None] * (ROWS - 2), "feature", "mostly-missing"),
        ("anything", [float("inf")] + [k + 0.5 for k in range(ROWS - 1)], "feature", "infinite"),
        ("anything", ["NA"] * 10 + ["a", "b"] * ((ROWS - 10) // 2), "feature", "null-marker"),
    ],
)
def test_what_a_column_is_for(name: str, values: list[Any], expected: str, kind: str) -> None:
    frame = pl.DataFrame({name: values, "other": DRAW.normal(size=ROWS), "y": DRAW.integers(0, 2, ROWS)})
    found = infer(frame, "y")
    assert role(found, name) == expected
    assert kinds(found, name) == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        ([True, False], "binary", ("false", "true")),
        (["yes", "no"], "binary", ("no", "yes")),
        ([0, 1], "binary", ("0", "1")),
        ([1.0, 2.0], "binary", ("1", "2")),
        ([10, 9, 2], "multiclass", ("2", "9", "10")),
        (["c", "a", "b"], "multiclass", ("a", "b", "c")),
        (list(range(20)), "multiclass", tuple(map(str, range(20)))),
        (list(range(21)), "regression", ()),
        ([0.5, 1.5, 2.5], "regression", ()),
    ],
)
def test_what_a_label_asks_for(values: list[Any], task: Task, classes: tuple[str, ...]) -> None:
    frame = pl.DataFrame({"x": DRAW.normal(size=420), "y": (values * 420)[:420]})
    found = infer(frame, "y")
    assert (found.task, found.classes) == (task, classes)
    assert found.schema.column("y").categories == (classes or None)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([None] * 40, "missing in all 40 rows"),
        ([3] * 40, "one value only .3"),
        ([f"name {k}" for k in range(40)], "40 different values in 40 rows: these are not classes"),
        (pl.date_range(pl.date(2013, 1, 1), pl.date(2013, 2, 9), eager=True), "is a date"),
    ],
)
def test_a_label_that_cannot_be_learnt(values: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        infer(pl.DataFrame({"x": DRAW.normal(size=40), "y": values}), "y")


@pytest.mark.parametrize(("rows", "task"), [(99, "regression"), (100, "multiclass")])
def test_whole_numbers_are_classes_where_they_come_often(rows: int, task: Task) -> None:
    frame = pl.DataFrame({"x": DRAW.normal(size=rows), "y": [k % 20 for k in range(rows)]})
    assert infer(frame, "y").task == task


@pytest.mark.parametrize(("asked", "hint"), [("Bought", "'bought'"), ("bougth", "'bought'"), ("zzz", "name one")])
def test_a_label_that_is_not_there(shop: pl.DataFrame, asked: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"no column '{asked}'; the columns are 'visit_id'") as refused:
        infer(shop, asked)
    assert hint in refused.value.hint


@pytest.mark.parametrize("marker", [None, "NA", "?"])
def test_rows_without_a_label_are_dropped_and_said(shop: pl.DataFrame, marker: str | None) -> None:
    label = pl.when(pl.int_range(pl.len()) < 7).then(pl.lit(marker)).otherwise("bought").alias("bought")
    found = infer(shop.with_columns(label), "bought")
    assert found.classes == ("no", "yes")
    assert found.schema.column("bought").nullable
    assert "7 of 600 rows have no label" in next(f.text for f in found.findings if f.kind == "label-missing")


def test_duplicates_and_lonely_classes_are_counted(shop: pl.DataFrame) -> None:
    frame = pl.concat([shop, shop.head(11), shop.head(1).with_columns(bought=pl.lit("maybe"))])
    found = infer(frame, "bought")
    assert "11 of 612 rows" in next(f.text for f in found.findings if f.kind == "duplicates")
    assert "1 classes have one row only (maybe)" in next(f.text for f in found.findings if f.kind == "rare-class")


def test_the_event_time_is_in_every_row_and_no_birthday(shop: pl.DataFrame) -> None:
    assert infer(shop.drop("when"), "bought").time == ""
    holes = pl.when(pl.int_range(pl.len()) > 3).then("when").alias("when")
    assert infer(shop.with_columns(holes), "bought").time == ""
    assert infer(shop.rename({"when": "x"}).with_columns(order_date=pl.col("born")), "bought").time == "order_date"
    assert infer(shop, "bought", time="").schema.column("when").role == "feature"


def test_a_table_of_one_series_is_learnt_from_its_time(shop: pl.DataFrame) -> None:
    found = infer(shop.select("when", "amount").drop_nulls(), "amount")
    assert (found.time, found.schema.column("when").role) == ("", "feature")


def test_a_column_that_gives_the_label_away_is_left_out(shop: pl.DataFrame) -> None:
    frame = shop.with_columns(receipt=pl.when(pl.col("bought") == "yes").then(pl.lit("r")), copy=pl.col("bought"))
    found = infer(frame, "bought")
    assert found.left_out == ("receipt", "copy")
    assert (role(found, "receipt"), role(found, "amount")) == ("ignored", "feature")
    assert "gives-label-away" in kinds(found, "copy")
    assert "left out" in found.schema.column("copy").why
    assert infer(frame, "bought", leave_out=False).left_out == ()


def test_what_is_all_there_is_stays(shop: pl.DataFrame) -> None:
    frame = pl.DataFrame({"celsius": DRAW.normal(20, 5, 100)}).with_columns(fahrenheit=pl.col("celsius") * 1.8 + 32)
    found = infer(frame, "fahrenheit")
    assert (found.left_out, found.trusted) == ((), ("celsius",))


def test_too_little_is_refused() -> None:
    with pytest.raises(DataError, match="9 rows are too few"):
        infer(pl.DataFrame({"x": range(9), "y": range(9)}), "y")
    with pytest.raises(DataError, match="the label is the only column"):
        infer(pl.DataFrame({"y": [1, 2] * 20}), "y")
    with pytest.raises(DataError, match=r"no column is left to learn from .n: counts the rows"):
        infer(pl.DataFrame({"n": range(40), "y": [1, 2] * 20}), "y")


def test_without_a_label_it_is_a_schema(shop: pl.DataFrame) -> None:
    found = infer(shop)
    assert (found.task, found.label, len(found.schema.of_role("feature"))) == (None, "", 7)
