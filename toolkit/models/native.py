"""The estimator that `train` returned: checked, and asked in the way it was fitted."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from toolkit.domain.errors import TrainingFailed
from toolkit.domain.records import Feature
from toolkit.models.data import TrainingData, as_frame

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


@dataclass(frozen=True)
class Answers:
    """`scores`: probabilities [rows, classes] or values [rows]. `labels`: class number a row, None for regression."""

    scores: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any] | None = None


@dataclass(frozen=True)
class Native:
    """A fitted estimator, the features it was fitted on in its order, and the classes it knows (empty: regression)."""

    estimator: Any
    features: tuple[Feature, ...]
    classes: tuple[str, ...]
    frame: Literal["polars", "pandas", "numpy"]

    @property
    def kind(self) -> str:
        """'sklearn Pipeline(ColumnTransformer, HistGradientBoostingClassifier)', for people."""
        steps = getattr(self.estimator, "steps", None)
        inner = f"({', '.join(type(step).__name__ for _, step in steps)})" if steps else ""
        framework = type(steps[-1][1] if steps else self.estimator).__module__.partition(".")[0]
        return f"{framework} {type(self.estimator).__name__}{inner}"

    def answer(self, wired: pl.DataFrame) -> Answers:
        """Answers for rows of wire values. Whatever the estimator raises comes through."""
        import numpy as np

        X = self._matrix(wired)  # noqa: N806  # sklearn's name for it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unseen category is a warning of some encoders; here it is the point
            if not self.classes:
                return Answers(np.asarray(self.estimator.predict(X), dtype=np.float64).reshape(-1))
            probabilities = np.asarray(self.estimator.predict_proba(X), dtype=np.float64)
            return Answers(probabilities, np.asarray(self.estimator.predict(X)).reshape(-1).astype(np.int64))

    def _matrix(self, wired: pl.DataFrame) -> Any:
        frame = wired.select([feature.name for feature in self.features])
        return frame.to_numpy() if self.frame == "numpy" else as_frame(frame, self.frame)


def native(estimator: Any, data: TrainingData) -> Native:
    """The checked estimator. TrainingFailed says what `train` should have returned, or been fitted on."""
    _check_fitted(estimator)
    features, by_name = _fitted_on(estimator, data.features)
    frame: Literal["polars", "pandas", "numpy"] = "numpy"
    if by_name:
        frame = "pandas" if type(data.X).__module__.startswith("pandas") else "polars"
    return Native(estimator, features, _classes(estimator, data), frame)


def _check_fitted(estimator: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if estimator is None:
        raise TrainingFailed("train() returned None", hint="end it with `return model` (the fitted estimator)")
    if not hasattr(estimator, "fit") or not hasattr(estimator, "predict"):
        raise TrainingFailed(
            f"train() returned a {type(estimator).__name__}, which has no fit and predict",
            hint="return one fitted estimator of sklearn, LightGBM or XGBoost (a Pipeline is one)",
        )
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise TrainingFailed(
            f"train() returned a {type(estimator).__name__} that is not fitted", hint="call fit(data.X, data.y) on it"
        ) from error


def _fitted_on(estimator: Any, features: Sequence[Feature]) -> tuple[tuple[Feature, ...], bool]:
    """(the features in the estimator's order, whether it knows them by name)."""
    names = getattr(estimator, "feature_names_in_", None)
    width = getattr(estimator, "n_features_in_", None)
    by_name = {feature.name: feature for feature in features}
    if names is not None and set(names) <= by_name.keys():
        return tuple(by_name[name] for name in names), True
    if width == len(features) and (names is None or _invented(list(names), features)):
        return tuple(features), False
    unknown = [name for name in ([] if names is None else names) if name not in by_name]
    what = f"column {unknown[0]!r}, which is" if unknown else f"{width} columns, which are"
    raise TrainingFailed(
        f"the estimator was fitted on {what} not what data.X has: an endpoint could not be asked in the same way",
        hint="make new columns in data.prepare, or row by row inside the estimator's pipeline",
    )


def _invented(names: list[str], features: Sequence[Feature]) -> bool:
    """Whether the names are LightGBM's own: Column_0 ..., or ours with underscores for spaces."""
    numbered = [f"Column_{number}" for number in range(len(features))]
    return names in (numbered, [re.sub(r"\s", "_", feature.name) for feature in features])


def _classes(estimator: Any, data: TrainingData) -> tuple[str, ...]:
    """The classes in the order of the estimator's probabilities."""
    from sklearn.base import is_classifier

    if data.task == "regression":
        if is_classifier(estimator):
            raise TrainingFailed(
                f"train() returned a classifier, and {data.label!r} is a number to predict",
                hint='return a regressor, or set task = "classification" under [data]',
            )
        return ()
    if not is_classifier(estimator):
        raise TrainingFailed(
            f"train() returned no classifier, and {data.label!r} has {len(data.classes)} classes",
            hint='return a classifier, or set task = "regression" under [data]',
        )
    if not hasattr(estimator, "predict_proba"):
        raise TrainingFailed(
            f"{type(estimator).__name__} gives no probabilities", hint="wrap it: CalibratedClassifierCV(model)"
        )
    known = list(estimator.classes_)
    if known != list(range(len(data.classes))):
        raise TrainingFailed(
            f"the estimator knows the classes {known[:5]}, data.y has 0 to {len(data.classes) - 1}",
            hint="fit on data.y as it is: every class of it, as numbers",
        )
    return data.classes
