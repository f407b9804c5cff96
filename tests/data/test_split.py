"""Train and test: the same rows everywhere, equal rows on one side, nothing from the future in training."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.infer import infer
from toolkit.data.rowhash import row_hashes
from toolkit.data.split import identity, resolve, split
from toolkit.domain.config import SplitConfig
from toolkit.domain.errors import ConfigError, DataError
from toolkit.domain.records import Column, Schema, Split

SCHEMA = Schema(columns=(Column(name="x", dtype="int64"), Column(name="y", dtype="string", role="label")))
TIMED = Schema(columns=(*SCHEMA.columns, Column(name="t", dtype="datetime", role="time")))
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def table(xs: list[int], ys: list[str], hours: list[int] | None = None) -> pl.DataFrame:
    times = {} if hours is None else {"t": [START + dt.timedelta(hours=h) for h in hours]}
    return pl.DataFrame({"x": xs, "y": ys, **times})


def test_random_is_stratified_and_near_the_share(shop: pl.DataFrame) -> None:
    schema = infer(shop, "bought", time="").schema
    train, test = split(shop, Split(test=0.25), schema)
    assert (len(train), len(test)) == (450, 150)
    share = (shop["bought"] == "yes").mean()
    for part in (train, test):
        assert (part["bought"] == "yes").mean() == pytest.approx(share, abs=0.005)
    assert pl.concat([train, test]).sort("visit_id").equals(shop.sort("visit_id"))
    assert train["visit_id"].to_list() == [v for v in shop["visit_id"] if v in set(train["visit_id"])]


def test_the_seed_and_nothing_else_decides(shop: pl.DataFrame) -> None:
    schema = infer(shop, "bought", time="").schema
    ids = {seed: set(split(shop, Split(seed=seed), schema)[1]["visit_id"]) for seed in (0, 1)}
    assert ids[0] != ids[1]
    shuffled = shop.sample(fraction=1.0, shuffle=True, seed=3)
    assert set(split(shuffled, Split(), schema)[1]["visit_id"]) == ids[0]


def test_rows_that_were_test_stay_test_as_data_grows(shop: pl.DataFrame) -> None:
    schema = infer(shop, "bought", time="").schema
    before = set(split(shop.head(500), Split(), schema)[1]["visit_id"])
    after = set(split(shop, Split(), schema)[1]["visit_id"])
    assert len(before & after) > 0.9 * len(before)


CODE = """
import polars as pl
from toolkit.data.split import split
from toolkit.domain.records import Column, Schema, Split
schema = Schema(columns=(Column(name="x", dtype="int64"), Column(name="y", dtype="string", role="label")))
frame = pl.DataFrame({"x": range(300), "y": ["a", "b", "b"] * 100})
print(split(frame, Split(seed=4), schema)[1]["x"].to_list())
"""


@pytest.mark.slow
def test_another_process_splits_alike() -> None:
    runs = {
        subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1
    assert runs.pop().startswith("[")


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ab")), min_size=40, max_size=120),
    st.integers(0, 5),
)  # fmt: skip
def test_equal_rows_stay_on_one_side(rows: list[tuple[int, str]], seed: int) -> None:
    frame = table([x for x, _ in rows], [y for _, y in rows])
    try:
        train, test = split(frame, Split(seed=seed), SCHEMA)
    except DataError:
        return
    assert len(train) + len(test) == len(frame)
    if frame.n_unique() >= len(frame) / 2:
        assert not set(train.rows()) & set(test.rows())


def test_repeats_by_nature_are_split_one_by_one() -> None:
    """Four categories over a thousand people: kept together they would leave next to nothing to cut."""
    frame = table([0, 1] * 500, ["a", "b", "b", "b"] * 250)
    train, test = split(frame, Split(), SCHEMA)
    assert len(test) == 200
    assert set(train.rows()) == set(test.rows())


def test_copies_of_a_few_records_are_kept_together() -> None:
    frame = table([*range(300), *[7] * 60], ["a", "b"] * 150 + ["b"] * 60)
    train, test = split(frame, Split(), SCHEMA)
    assert not set(train.rows()) & set(test.rows())
    assert 0.1 < len(test) / len(frame) < 0.35


def test_time_puts_the_latest_rows_last_and_keeps_ties_together() -> None:
    hours = [5, 1, 2, 3, 4, 9, 8, 8, 8, 7]
    frame = table(list(range(10)), ["a", "b"] * 5, hours)
    train, test = split(frame, Split(kind="time", test=0.3), TIMED)
    assert test["x"].to_list() == [5, 6, 7, 8]  # 8 o'clock three times: four rows are nearer to three than one is
    assert train["t"].max() < test["t"].min()  # type: ignore[operator]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=3, max_size=80), st.floats(0.05, 0.8))
def test_nothing_of_the_future_is_learnt_from(hours: list[int], share: float) -> None:
    frame = pl.DataFrame({"x": np.arange(len(hours)) + 0.5, "t": [START + dt.timedelta(hours=h) for h in hours]})
    schema = Schema(
        columns=(Column(name="x", dtype="float64", role="label"), Column(name="t", dtype="datetime", role="time"))
    )
    if len(set(hours)) < 2:
        with pytest.raises(DataError, match="same event time"):
            split(frame, Split(kind="time", test=share), schema)
        return
    if frame["x"].n_unique() == 2:
        return
    train, test = split(frame, Split(kind="time", test=share), schema)
    assert train["t"].max() < test["t"].min()  # type: ignore[operator]
    assert len(train)
    assert len(test)


@pytest.mark.parametrize(
    ("frame", "how", "says"),
    [
        (table([1, 2, 3, 4], list("abab"), [1, 1, 1, 1]), Split(kind="time"), "same event time"),
        (
            table([1, 2, 3, 4], list("abbb"), [1, 2, 3, 4]),
            Split(kind="time", test=0.5),
            "all 2 test rows have the same 'y'",
        ),
        (table([1, 2, 3, 4], list("aaab"), [1, 2, 3, 4]), Split(kind="time", test=0.3), "all 3 training rows"),
        (table(list(range(9)), list("aaaaaaaab"), list(range(9))), Split(), "all 2 test rows have the same 'y'"),
    ],
)
def test_a_side_that_could_not_be_used_is_refused(frame: pl.DataFrame, how: Split, says: str) -> None:
    with pytest.raises(DataError, match=says) as refused:
        split(frame, how, TIMED)
    assert refused.value.hint


def test_classes_that_hardly_come_twice_are_none() -> None:
    frame = table(list(range(60)), [f"town {k // 2}" for k in range(60)])
    with pytest.raises(DataError, match=r"30 different values in \d+ rows: these are not classes"):
        split(frame, Split(), SCHEMA)


def test_a_gap_in_the_event_time_is_refused() -> None:
    frame = table([1, 2, 3], list("aba"), [1, 2, 3]).with_columns(t=pl.when(pl.col("x") > 1).then("t"))
    with pytest.raises(DataError, match="event time 't' is missing in 1 rows"):
        split(frame, Split(kind="time"), TIMED)


@pytest.mark.parametrize(
    ("kind", "schema", "expected"),
    [("auto", SCHEMA, "random"), ("auto", TIMED, "time"), ("random", TIMED, "random"), ("time", TIMED, "time")],
)
def test_how_a_table_is_split(kind: Any, schema: Schema, expected: str) -> None:
    assert resolve(SplitConfig(kind=kind, test=0.3, seed=5), schema) == Split(kind=expected, test=0.3, seed=5)  # type: ignore[arg-type]


def test_by_time_without_a_time_is_refused() -> None:
    with pytest.raises(ConfigError, match="no event time column"):
        resolve(SplitConfig(kind="time"), SCHEMA)


def test_a_row_is_its_features_label_and_time() -> None:
    assert identity(TIMED) == ["x", "y", "t"]
    ids = Schema(columns=(*SCHEMA.columns, Column(name="id", dtype="string", role="id")))
    assert identity(ids) == ["x", "y"]
    assert len(row_hashes(table([1], ["a"]), identity(SCHEMA))) == 1
