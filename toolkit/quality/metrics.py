"""What a model's answers are worth against true labels. numpy only, deterministic; scikit-learn is the test oracle.

A metric that the rows do not define (ROC AUC of one class, precision without a positive answer, R2 of a constant) is
left out rather than NaN: a gate on it then refuses, saying what there is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from toolkit.domain.errors import DataError
from toolkit.domain.records import Task
from toolkit.quality.gates import HIGHER_IS_BETTER as HIGHER_IS_BETTER

if TYPE_CHECKING:
    from toolkit.quality.vector import Scores

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


def evaluate(
    task: Task,
    y_true: Iterable[Any],
    prediction: Iterable[Any],
    probabilities: Any = None,
    classes: Sequence[str] = (),
) -> dict[str, float]:
    """Metrics by name. `prediction`: class labels, or values for regression, one a row.

    `probabilities`: shape [rows, classes] in the order of `classes`, or for binary also [rows] of the last class.
    Without them the metrics that need them are left out. Raises DataError for no rows, differing lengths, a label that
    is no class of the model, or a value that is no finite number.
    """
    if task == "regression":
        return _regression(_finite(y_true, "label"), _finite(prediction, "prediction"))
    truth, answer = class_indexes(y_true, classes), class_indexes(prediction, classes)
    _same_length(len(truth), len(answer))
    chances = None if probabilities is None else _chances(probabilities, len(truth), len(classes))
    found = {"accuracy": float(np.mean(truth == answer))}
    if task == "binary":
        last = len(classes) - 1
        found |= _binary(truth == last, answer == last, None if chances is None else chances[:, last])
    else:
        found["macro_f1"] = _macro_f1(truth, answer)
    if chances is not None:
        found["log_loss"] = _log_loss(truth, chances)
    return found


def class_indexes(labels: Iterable[Any], classes: Sequence[str], *, strict: bool = True) -> Indexes:
    """Position of each label in `classes`, which are text: 1, 1.0 and "1" are one label, and True is "true" or "True".

    Raises DataError naming the label that is none of them; without `strict` its position is -1.
    """
    known: dict[Any, int] = {}
    for index, name in enumerate(classes):
        for spelling in _spellings(name):
            known.setdefault(spelling, index)
    values = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    found = []
    for value in values:
        spellings = (str(value).lower(), float(value)) if isinstance(value, bool) else (value, str(value))
        index = next((known[key] for key in spellings if key in known), -1)
        if index < 0 and strict:
            raise DataError(f"label {value!r} is none of the model's classes: {', '.join(classes)}")
        found.append(index)
    return np.array(found, dtype=np.intp)


def _spellings(name: str) -> Iterable[Any]:
    """Exact text, truth values in lower case, numbers as floats (in a dictionary 1, 1.0 and np.int64(1) are one)."""
    yield name
    if name.lower() in ("true", "false"):
        yield name.lower()
    try:
        yield float(name)
    except ValueError:
        return


def chosen(task: Task, scores: Any, classes: Sequence[str]) -> tuple[list[Any], Any]:
    """(predictions, probabilities) as `evaluate` takes them, from scores as a counter does."""
    values = np.asarray(scores, dtype=np.float64)
    if task == "regression":
        return values.tolist(), None
    if task == "binary":
        return [classes[-1] if p > 0.5 else classes[0] for p in values.tolist()], values
    return [classes[i] for i in np.argmax(values, axis=1)], values


def reference_metrics(scores: Scores, labels: Any, task: Task, classes: Sequence[str]) -> dict[str, float]:
    """Metrics of the labelled reference rows; none without labels or scores."""
    if labels is None or scores.values is None or not scores.rows:
        return {}
    prediction, probabilities = chosen(task, scores.values, classes)
    return evaluate(task, labels, prediction, probabilities, classes)


def _regression(truth: Floats, prediction: Floats) -> dict[str, float]:
    _same_length(len(truth), len(prediction))
    error = prediction - truth
    found = {"rmse": math.sqrt(float(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}
    spread = float(np.sum((truth - truth.mean()) ** 2))
    if spread:
        found["r2"] = 1.0 - float(np.sum(error**2)) / spread
    return found


def _binary(truth: npt.NDArray[np.bool_], answer: npt.NDArray[np.bool_], chance: Floats | None) -> dict[str, float]:
    hits, said, real = int(np.sum(truth & answer)), int(answer.sum()), int(truth.sum())
    found: dict[str, float] = {}
    if said:
        found["precision"] = hits / said
    if real:
        found["recall"] = hits / real
    if said + real:
        found["f1"] = 2 * hits / (said + real)
    if chance is not None:
        found["brier"] = float(np.mean((chance - truth) ** 2))
        if 0 < real < len(truth):
            found["roc_auc"] = roc_auc(truth, chance)
    return found


def roc_auc(truth: npt.NDArray[np.bool_], chance: Floats) -> float:
    """Probability that a true row scores above a false one, equals counted half (the rank sum)."""
    _, place, counts = np.unique(chance, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    real = int(truth.sum())
    return float((middle[place][truth].sum() - real * (real + 1) / 2) / (real * (len(truth) - real)))


def _macro_f1(truth: Indexes, answer: Indexes) -> float:
    """Mean F1 over the classes that occur on either side."""
    scores = []
    for label in np.union1d(truth, answer):
        hits = int(np.sum((truth == label) & (answer == label)))
        scores.append(2 * hits / (int(np.sum(truth == label)) + int(np.sum(answer == label))))
    return float(np.mean(scores))


def _log_loss(truth: Indexes, chances: Floats) -> float:
    """Natural logarithm; probabilities are kept off 0 by the smallest step of float64, then scaled to sum to 1."""
    scaled = chances / chances.sum(axis=1, keepdims=True)
    own = np.clip(scaled[np.arange(len(truth)), truth], np.finfo(np.float64).eps, 1.0)
    return float(-np.mean(np.log(own)))


def _chances(probabilities: Any, rows: int, classes: int) -> Floats:
    read = np.asarray(probabilities, dtype=np.float64)
    if read.ndim == 1 and classes == 2:
        read = np.stack((1 - read, read), axis=1)
    if read.shape != (rows, classes):
        raise DataError(f"probabilities have shape {read.shape}, expected {(rows, classes)}")
    if not np.isfinite(read).all():
        raise DataError("probabilities hold a value that is no finite number")
    return read


def _finite(values: Iterable[Any], what: str) -> Floats:
    try:
        read = np.asarray(values if hasattr(values, "__array__") else list(values), dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise DataError(f"a {what} is no number: {error}") from error
    bad = np.nonzero(~np.isfinite(read))[0]
    if len(bad):
        raise DataError(f"{what} of row {bad[0]} is no finite number: {read[bad[0]]}")
    return read


def _same_length(labels: int, answers: int) -> None:
    if labels != answers:
        raise DataError(f"{labels} labels for {answers} predictions")
    if not labels:
        raise DataError("no rows to evaluate")
