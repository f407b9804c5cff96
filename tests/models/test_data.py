"""What `train` is given: wire values, one definition whether by row or by column."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import FEATURES, Table
from toolkit.domain import wire
from toolkit.domain.errors import DataError
from toolkit.domain.records import Column, DType, Feature, Schema
from toolkit.models import data

VALUES: dict[DType, st.SearchStrategy[object]] = {
    "float64": st.floats(),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "string": st.text(),
    "datetime": st.datetimes(datetime(1850, 1, 1), datetime(2250, 1, 1)).map(lambda m: m.replace(tzinfo=UTC)),
    "date": st.dates(date(1, 1, 1), date(9999, 12, 31)),
}
TYPES: dict[DType, pl.DataType] = {
    "float64": pl.Float64(),
    "int64": pl.Int64(),
    "bool": pl.Boolean(),
    "string": pl.String(),
    "datetime": pl.Datetime("us", "UTC"),
    "date": pl.Date(),
}


@pytest.mark.parametrize("dtype", VALUES)
@given(st.data())
def test_by_column_is_by_value(dtype: DType, draw: st.DataObject) -> None:
    values = draw.draw(st.lists(st.none() | VALUES[dtype], max_size=20))
    feature = Feature(name="x", dtype=dtype)
    frame = data.wire_frame(pl.DataFrame({"x": pl.Series(values, dtype=TYPES[dtype])}), [feature])
    assert frame["x"].null_count() == 0
    expected = wire.column(feature, values)
    if wire.kind(dtype) == "text":
        assert frame["x"].to_list() == expected
    else:
        np.testing.assert_array_equal(frame["x"].to_numpy(), np.array(expected))


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_a_moment_is_one_number_in_every_unit_and_zone(unit: str, zone: str | None) -> None:
    moment = pl.Series("x", [datetime(2013, 7, 1, 12, tzinfo=UTC)]).dt.cast_time_unit(unit)  # type: ignore[arg-type]
    column = moment.dt.replace_time_zone(None) if zone is None else moment.dt.convert_time_zone(zone)
    frame = data.wire_frame(column.to_frame(), [Feature(name="x", dtype="datetime")])
    assert frame["x"].to_list() == [15887.5]


def test_classes_are_numbered_in_their_own_order(table: Table) -> None:
    given_ = table.data("tier")
    assert given_.task == "multiclass"
    assert given_.classes == ("bronze", "gold", "silver")
    assert given_.y.dtype == np.int64
    assert [given_.classes[i] for i in given_.y] == table.rows["tier"].to_list()
    assert table.data("bought").classes == ("false", "true")


def test_numbers_and_text_are_told_apart(table: Table) -> None:
    given_ = table.data("bought")
    assert given_.text == ["city"]
    assert given_.numeric == ["amount", "visits", "member", "opened", "born"]
    assert list(given_.X.columns) == list(FEATURES)
    assert set(given_.X.dtypes) == {pl.Float64(), pl.String()}


def test_pandas_frames_hold_the_same_numbers(table: Table) -> None:
    schema = table.schema("bought")
    frame = data.training_data(table.rows, schema, frame="pandas").X
    np.testing.assert_array_equal(frame["amount"].to_numpy(), table.data("bought").X["amount"].to_numpy())
    assert frame["city"].isna().sum() == 0


def test_features_say_what_training_saw(table: Table) -> None:
    seen = {feature.name: feature for feature in table.data("bought").features}
    assert seen["city"].categories == ("Bern", "Oslo", "Rome", "Łódź")
    assert (seen["visits"].minimum, seen["visits"].maximum) == (0.0, 39.0)
    assert (seen["member"].minimum, seen["member"].maximum) == (0.0, 1.0)
    assert seen["opened"].minimum is not None
    assert 15_700 < seen["opened"].minimum < 15_720


def frame_with(label: list[object], dtype: DType) -> tuple[pl.DataFrame, Schema]:
    rows = pl.DataFrame({"x": [float(i) for i in range(len(label))], "y": pl.Series(label, dtype=TYPES[dtype])})
    columns = (Column(name="x", dtype="float64"), Column(name="y", dtype=dtype, role="label"))
    return rows, Schema(columns=columns)


@pytest.mark.parametrize(
    ("label", "dtype", "task", "classes"),
    [
        ([0, 1, 1, 0], "int64", "binary", ("0", "1")),
        ([0.0, 1.0, 1.0, 0.0], "float64", "binary", ("0", "1")),
        ([10, 9, 2, 2] * 25, "int64", "multiclass", ("2", "9", "10")),
        (["b", "a", "b", "a"], "string", "binary", ("a", "b")),
        ([0.5, 1.5, 2.5, 0.5], "float64", "regression", ()),
        (list(range(100)), "int64", "regression", ()),
    ],
)
def test_the_label_says_what_is_asked(label: list[object], dtype: DType, task: str, classes: tuple[str, ...]) -> None:
    given_ = data.training_data(*frame_with(label, dtype))
    assert (given_.task, given_.classes) == (task, classes)


def test_a_person_may_ask_for_the_other() -> None:
    rows, schema = frame_with([1, 2, 3, 5], "int64")
    wanted = data.training_data(rows, schema, task="regression")
    assert wanted.task == "regression"
    assert wanted.y.tolist() == [1.0, 2.0, 3.0, 5.0]
    many, many_schema = frame_with(list(range(100)), "int64")
    assert len(data.training_data(many, many_schema, task="classification").classes) == 100


@pytest.mark.parametrize(
    ("label", "dtype", "task", "says"),
    [
        ([1, 1, 1], "int64", "auto", "has one value only"),
        ([], "int64", "auto", "is missing in 0 of 0 rows"),
        ([1, None, 0], "int64", "auto", "is missing in 1 of 3 rows"),
        (["a", "b", "c"], "string", "regression", "is text: regression needs numbers"),
        ([date(2020, 1, 1), date(2020, 1, 2)], "date", "auto", "is a date"),
    ],
)
def test_labels_that_teach_nothing_are_refused(label: list[object], dtype: DType, task: data.Wanted, says: str) -> None:
    with pytest.raises(DataError, match=says):
        data.training_data(*frame_with(label, dtype), task=task)


def test_no_label_and_no_features_are_refused(table: Table) -> None:
    with pytest.raises(DataError, match="no label column"):
        data.training_data(table.rows, table.schema("nothing"))
    only_label = Schema(columns=(Column(name="bought", dtype="bool", role="label"),))
    with pytest.raises(DataError, match="no feature columns"):
        data.training_data(table.rows, only_label)
    with pytest.raises(DataError, match="column 'city' is missing"):
        data.training_data(table.rows.drop("city"), table.schema("bought"))


def test_whole_floats_are_spelled_like_integers_row_by_row() -> None:
    label = Column(name="y", dtype="float64", role="label")
    assert data.class_texts(pl.Series("y", [0.0, 1.0, 0.5]), label).to_list() == ["0", "1", "0.5"]
    assert data.labels(pl.DataFrame({"y": [0.0, 1.0, 0.5]}), label, ("0", "1")).tolist() == [0, 1, -1]


def test_rows_without_a_label_are_left_out() -> None:
    label = Column(name="y", dtype="float64", role="label")
    rows = pl.DataFrame({"y": [1.0, None, float("nan"), float("inf"), 0.0]})
    assert data.labelled(rows, label)["y"].to_list() == [1.0, 0.0]
