"""What a training function is given, and the same rows as the exported model will see them.

    def train(data: TrainingData, params: dict) -> estimator:
        return make_pipeline(StandardScaler(), LogisticRegression()).fit(data.X, data.y)

Values are wire values (`toolkit.domain.wire`): numbers that float32 holds exactly (NaN for null, days for times), text
("" for null). What a model is trained on is then what a request brings, to the last bit. `wire_frame` is
`wire.column` by whole columns; a property test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from msgspec.structs import replace

from toolkit.data.labels import task_of as task_by_rule
from toolkit.domain import wire
from toolkit.domain.errors import DataError, missing_extra
from toolkit.domain.records import Column, Feature, Schema, Task

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

Wanted = Literal["auto", "classification", "regression"]
MANY_CATEGORIES = 100  # a text feature with more values than this does not list them in the signature


@dataclass(frozen=True)
class TrainingData:
    """`X`: a polars or pandas frame (`data.frame` in toolkit.toml) of wire values. `y`: a numpy array: for each row
    the index into `classes` (int64) or the value (float64, regression)."""

    X: Any
    y: Any
    task: Task
    classes: tuple[str, ...]
    features: tuple[Feature, ...]
    label: str

    @property
    def numeric(self) -> list[str]:
        """Features that are numbers here: float64, int64, bool, date, datetime."""
        return [feature.name for feature in self.features if wire.kind(feature.dtype) == "number"]

    @property
    def text(self) -> list[str]:
        return [feature.name for feature in self.features if wire.kind(feature.dtype) == "text"]


def training_data(
    rows: pl.DataFrame, schema: Schema, *, frame: Literal["polars", "pandas"] = "polars", task: Wanted = "auto"
) -> TrainingData:
    """The training rows of a dataset as `train` gets them. Rows must have a label.

    Raises DataError: no label column, no features, no rows, a label that is constant or missing.
    """
    label = label_column(schema)
    wanted = task_of(rows, label, task)
    features = signature_features(rows, schema)
    classes = _classes(rows, label) if wanted != "regression" else ()
    return TrainingData(
        X=as_frame(wire_frame(rows, features), frame),
        y=labels(rows, label, classes),
        task=wanted,
        classes=classes,
        features=features,
        label=label.name,
    )


def label_column(schema: Schema) -> Column:
    """DataError where the schema has none."""
    found = schema.of_role("label")
    if len(found) != 1:
        raise DataError("the dataset has no label column", hint="set data.label in toolkit.toml")
    return found[0]


def labelled(rows: pl.DataFrame, label: Column) -> pl.DataFrame:
    """The rows whose label is known."""
    import polars as pl

    known = pl.col(label.name).is_not_null()
    if label.dtype == "float64":
        known &= pl.col(label.name).is_finite()
    return rows.filter(known)


def task_of(rows: pl.DataFrame, label: Column, wanted: Wanted = "auto") -> Task:
    """What a label asks for (`toolkit.data.labels` has the rule), unless a person has said it in `data.task`."""
    import polars as pl

    values = rows[label.name]
    if rows.is_empty() or values.null_count():
        raise DataError(f"label {label.name!r} is missing in {values.null_count()} of {len(rows)} rows")
    if wanted != "regression":
        found = task_by_rule(values)
        return "multiclass" if wanted == "classification" and found == "regression" else found
    if values.dtype == pl.String:
        raise DataError(f"label {label.name!r} is text: regression needs numbers", hint='set data.task = "auto"')
    if values.n_unique() < 2:
        raise DataError(f"label {label.name!r} has one value only in the training rows: there is nothing to learn")
    return "regression"


def signature_features(rows: pl.DataFrame, schema: Schema) -> tuple[Feature, ...]:
    """The features in order, with the ranges and categories of these rows. DataError where there is none."""
    columns = schema.of_role("feature")
    if not columns:
        raise DataError("the dataset has no feature columns", hint="see the roles in `toolkit data show`")
    plain = tuple(Feature(name=c.name, dtype=c.dtype, nullable=c.nullable) for c in columns)
    frame = wire_frame(rows, plain)
    return tuple(_seen(feature, frame[feature.name]) for feature in plain)


def _seen(feature: Feature, values: pl.Series) -> Feature:
    if wire.kind(feature.dtype) == "text":
        texts = values.filter(values != wire.NULL_TEXT).unique().sort().to_list()
        return replace(feature, categories=tuple(texts) if len(texts) <= MANY_CATEGORIES else None)
    numbers = values.drop_nans().to_numpy()
    if not len(numbers):
        return feature
    return replace(feature, minimum=float(numbers.min()), maximum=float(numbers.max()))


def wire_frame(rows: pl.DataFrame, features: Sequence[Feature]) -> pl.DataFrame:
    """One column a feature, Float64 (values that float32 holds) or String; no nulls. DataError for a missing column."""
    missing = [feature.name for feature in features if feature.name not in rows.columns]
    if missing:
        raise DataError(f"column {missing[0]!r} is missing", hint="the data must have every feature of the model")
    return rows.select(_expression(feature) for feature in features)


def _expression(feature: Feature) -> pl.Expr:
    import polars as pl

    column = pl.col(feature.name)
    if feature.dtype == "string":
        return column.cast(pl.String).fill_null(wire.NULL_TEXT)
    if feature.dtype == "datetime":
        column = column.dt.epoch("us").cast(pl.Float64) / wire.MICROSECONDS_PER_DAY
    elif feature.dtype == "date":
        column = column.dt.epoch("d")
    exact = column.cast(pl.Float64).clip(-wire.FLOAT32_MAX, wire.FLOAT32_MAX)
    return exact.cast(pl.Float32).cast(pl.Float64).fill_null(float("nan")).alias(feature.name)


def labels(rows: pl.DataFrame, label: Column, classes: Sequence[str]) -> np.ndarray[Any, Any]:
    """Class indices (int64; -1 for a class that is not in `classes`), or float64 values where there are no classes."""
    import polars as pl

    column = rows[label.name]
    if not classes:
        return column.cast(pl.Float64).to_numpy()
    index = {name: number for number, name in enumerate(classes)}
    texts = class_texts(column, label)
    return texts.replace_strict(index, default=-1, return_dtype=pl.Int64).to_numpy()


def class_texts(column: pl.Series, label: Column) -> pl.Series:
    """Label values as people read them: 'true', '3', 'setosa'. Whole floats lose their point: CSV files with gaps have
    0.0 and 1.0 where 0 and 1 are meant."""
    import polars as pl

    if label.dtype != "float64":
        return column.cast(pl.String)
    value = pl.col(column.name)
    whole = value == value.round()
    texts = pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
    return column.to_frame().select(texts.alias(column.name)).to_series()


def _classes(rows: pl.DataFrame, label: Column) -> tuple[str, ...]:
    """In the order of the values (numbers by value, not as text)."""
    return tuple(class_texts(rows[label.name].unique().sort(), label).to_list())


def as_frame(frame: pl.DataFrame, kind: Literal["polars", "pandas"]) -> Any:
    if kind == "polars":
        return frame
    try:
        return frame.to_pandas()
    except ImportError as error:
        raise missing_extra("pandas", "onnx") from error
