"""Metrics of an exported model on labelled rows: what training reports and what a promotion compares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.domain.errors import DataError
from toolkit.domain.records import Column, Signature, SliceMetric
from toolkit.models.data import class_texts, labelled
from toolkit.models.native import Answers

if TYPE_CHECKING:
    import polars as pl


def known(rows: pl.DataFrame, label: Column, signature: Signature) -> pl.DataFrame:
    """The rows that have a label, and one that the model can answer. DataError where none is left."""
    found = labelled(rows, label)
    if signature.classes:
        found = found.filter(class_texts(found[label.name], label).is_in(list(signature.classes)))
    if found.is_empty():
        raise DataError(
            f"no test row has a known {label.name!r}: there is nothing to measure the model on",
            hint="make the test share larger: [data.split] test = 0.3",
        )
    return found


def truth(rows: pl.DataFrame, label: Column, signature: Signature) -> list[Any]:
    """True labels as `quality` takes them: class texts, or values."""
    column = rows[label.name]
    return class_texts(column, label).to_list() if signature.classes else [float(value) for value in column]


def metrics(signature: Signature, answers: Answers, true: list[Any]) -> dict[str, float]:
    from toolkit.quality.metrics import evaluate

    return evaluate(signature.task, true, _predicted(signature, answers), _chances(answers), signature.classes)


def slices(
    signature: Signature, answers: Answers, true: list[Any], rows: pl.DataFrame, columns: Sequence[str]
) -> tuple[SliceMetric, ...]:
    """Metrics by each value (or quartile) of `columns`. DataError names a column that is not there."""
    from toolkit.quality.slices import by_slice

    missing = [column for column in columns if column not in rows.columns]
    if missing:
        raise DataError(
            f"slices: the data has no column {missing[0]!r}; it has {', '.join(rows.columns)}",
            hint="correct slices under [export] in toolkit.toml",
        )
    values = {column: rows[column].to_list() for column in columns}
    predicted = _predicted(signature, answers)
    return by_slice(signature.task, true, predicted, _chances(answers), signature.classes, values)


def _predicted(signature: Signature, answers: Answers) -> list[Any]:
    if answers.labels is None:
        return [float(value) for value in answers.scores]
    return [signature.classes[number] for number in answers.labels]


def _chances(answers: Answers) -> Any:
    return None if answers.labels is None else answers.scores
