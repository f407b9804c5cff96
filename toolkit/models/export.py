"""From a fitted estimator to ONNX bytes: one input a feature, equal bytes for equal training.

sklearn estimators and pipelines go through skl2onnx, LightGBM and XGBoost (alone or inside a pipeline) through
onnxmltools' converters, both with the corrections of `converters`. Whether the result answers as the estimator does
is not believed but measured: `parity`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from toolkit.domain.errors import TrainingFailed, missing_extra
from toolkit.domain.records import Feature
from toolkit.models import converters, graph


class ExportFailed(TrainingFailed):
    """The estimator has no ONNX form; the message says which part, the hint what to use instead."""


def to_onnx(estimator: Any, features: Sequence[Feature], classes: Sequence[str]) -> bytes:
    """`classes`: the text of class 0, 1 ... of a classifier that was trained on those numbers; empty for regression.

    Raises ExportFailed, or MissingExtra where the converters are not installed."""
    try:
        import skl2onnx
        from onnx import GraphProto  # noqa: F401  # named in the error when it is what is missing
        from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
    except ImportError as error:
        raise missing_extra(error.name or "skl2onnx", "onnx") from error
    converters.register_boosters()
    estimator = spelled_out(estimator, features)
    conversions, shapes = converters.conversions()
    try:
        model = skl2onnx.convert_sklearn(
            estimator,
            name="model",
            initial_types=graph.inputs(features, matrix=_is_matrix(estimator, features)),
            options={"zipmap": False} if classes else None,
            target_opset={"": graph.OPSET, "ai.onnx.ml": graph.OPSET_ML},
            custom_conversion_functions=conversions,
            custom_shape_calculators=shapes,
        )
    except (MissingConverter, MissingShapeCalculator) as error:
        raise ExportFailed(f"no ONNX form for {_culprit(error, estimator)}", hint=_HINT) from error
    except Exception as error:  # the converters raise anything at all
        raise ExportFailed(
            f"{_kind(estimator)} cannot be exported to ONNX: {_first_line(error)}", hint=_HINT
        ) from error
    return graph.canonical(model, features, classes)


_HINT = (
    "use estimators that skl2onnx knows (sklearn's own, LightGBM, XGBoost) with the columns picked in front: "
    "make_pipeline(ColumnTransformer(...), model); do row logic of your own in data.prepare"
)


def spelled_out(estimator: Any, features: Sequence[Feature]) -> Any:
    """HistGradientBoosting that encodes text columns inside itself, with that encoding as a step of its own."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import Pipeline

    inner = estimator.steps[0][1] if isinstance(estimator, Pipeline) and len(estimator.steps) == 1 else estimator
    if not isinstance(inner, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)):
        return estimator
    if getattr(inner, "_preprocessor", None) is None or not any(f.dtype == "string" for f in features):
        return estimator
    mask = inner.is_categorical_
    categorical = [feature.name for feature, chosen in zip(features, mask, strict=True) if chosen]
    numerical = [feature.name for feature, chosen in zip(features, mask, strict=True) if not chosen]
    encoder = inner._preprocessor.named_transformers_["encoder"]
    steps = [("encoder", encoder, categorical), ("numerical", "passthrough", numerical)]
    encoding = ColumnTransformer(steps)
    encoding.transformers_ = [step for step in steps if step[2]]  # as fitted: the encoder is
    trees = copy.copy(inner)
    trees._preprocessor = None
    return Pipeline([("encoding", encoding), ("trees", trees)])


def _is_matrix(estimator: Any, features: Sequence[Feature]) -> bool:
    """Whether it takes all features as one matrix: numbers only, and no part that picks columns by name."""
    from sklearn.compose import ColumnTransformer

    if any(feature.dtype == "string" for feature in features):
        return False
    parts = [estimator, *estimator.get_params(deep=True).values()]
    return not any(isinstance(part, ColumnTransformer) for part in parts)


def _kind(estimator: Any) -> str:
    steps = getattr(estimator, "steps", None)
    return " -> ".join(type(step).__name__ for _, step in steps) if steps else type(estimator).__name__


def _culprit(error: Exception, estimator: Any) -> str:
    """The class that the converter names in its message."""
    text = str(error)
    start = text.find("<class '")
    return text[start + 8 : text.find("'>", start)] if start >= 0 else _kind(estimator)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:300]
