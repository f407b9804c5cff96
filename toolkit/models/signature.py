"""What goes into a model and what comes out, as the estimator itself would have it.

A number may be missing if the data's contract allows it and the estimator answers without it; where the estimator
refuses, the endpoint answers 422 instead. Text that training has not seen must be answered: an endpoint meets new text
every day, so an estimator that refuses it is refused here, with the option to set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from toolkit.domain import wire
from toolkit.domain.records import Column, Feature, Signature
from toolkit.models.data import TrainingData
from toolkit.models.native import Native
from toolkit.models.parity import UNSEEN, ParityFailed, first_line

if TYPE_CHECKING:
    import polars as pl


def signature(native: Native, data: TrainingData, label: Column, rows: pl.DataFrame) -> Signature:
    """`rows`: some wire rows of the training data. Raises ParityFailed for an estimator that refuses unseen text."""
    base = _complete(native, rows)
    return Signature(
        task=data.task,
        features=tuple(_accepted(native, feature, base) for feature in native.features),
        label=data.label,
        classes=native.classes,
        label_dtype=label.dtype,
    )


def _accepted(native: Native, feature: Feature, base: pl.DataFrame) -> Feature:
    text = wire.kind(feature.dtype) == "text"
    refusal = _refusal(native, base, feature.name, UNSEEN if text else wire.NULL_NUMBER)
    if refusal is None:
        return feature
    if text:
        raise ParityFailed(
            f"the estimator refuses text in {feature.name!r} that it has not seen: {first_line(refusal)}",
            hint='OneHotEncoder(handle_unknown="ignore"), or '
            'OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)',
        ) from refusal
    return replace(feature, nullable=False)


def _complete(native: Native, rows: pl.DataFrame) -> pl.DataFrame:
    """One row that the estimator answers: a real one with as few missing values as there is."""
    import polars as pl

    numbers = [feature.name for feature in native.features if wire.kind(feature.dtype) == "number"]
    if not numbers:
        return rows.head(1)
    missing = rows.select(pl.sum_horizontal(pl.col(name).is_nan().cast(pl.Int64) for name in numbers)).to_series()
    return rows[[int(missing.arg_min() or 0)]]


def _refusal(native: Native, base: pl.DataFrame, name: str, value: float | str) -> Exception | None:
    import polars as pl

    try:
        native.answer(base.with_columns(pl.lit(value).alias(name)))
    except Exception as error:  # an estimator may raise anything; what counts is that it does
        return error
    return None
