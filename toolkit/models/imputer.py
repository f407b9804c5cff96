"""SimpleImputer, in the cases that skl2onnx has no answer for.

- Text columns with the default `missing_values=nan`: text never holds NaN here (null is ""), so nothing is imputed.
- `add_indicator=True`: one more column for each feature that had missing values.
- A column that was empty in training, which sklearn drops.
"""

from __future__ import annotations

from typing import Any

from toolkit.models.joining import joined


def shape(operator: Any) -> None:
    """As many columns as sklearn puts out."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    model = operator.raw_operator
    rows = operator.inputs[0].get_first_dimension()
    width = len(_kept(model)) + (len(model.indicator_.features_) if model.indicator_ is not None else 0)
    text = isinstance(operator.inputs[0].type, StringTensorType)
    operator.outputs[0].type = (StringTensorType if text else FloatTensorType)([rows, width])


def convert(scope: Any, operator: Any, container: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer

    model = operator.raw_operator
    joined_first = isinstance(operator.inputs[0].type, (FloatTensorType, StringTensorType))
    if isinstance(operator.inputs[0].type, StringTensorType) and isinstance(model.missing_values, str):
        convert_sklearn_imputer(scope, operator, container)
        return
    if not joined_first:
        raise NotImplementedError(f"SimpleImputer on {type(operator.inputs[0].type).__name__}")
    together = joined(scope, operator, container)
    output = operator.outputs[0].full_name
    if isinstance(operator.inputs[0].type, StringTensorType):
        if model.indicator_ is not None:
            raise NotImplementedError("SimpleImputer(add_indicator=True) on text")
        container.add_node("Identity", together, output, name=scope.get_unique_operator_name("Text"))
        return
    _numbers(scope, container, model, together, output)


def _numbers(scope: Any, container: Any, model: Any, joined: str, output: str) -> None:
    import numpy as np

    kept = _kept(model)
    whole = len(kept) == len(model.statistics_)
    joined_kept = joined if whole else _columns(scope, container, joined, kept)
    filled = output if model.indicator_ is None else scope.get_unique_variable_name("filled")
    container.add_node(
        "Imputer",
        joined_kept,
        filled,
        op_domain="ai.onnx.ml",
        name=scope.get_unique_operator_name("Imputer"),
        imputed_value_floats=np.asarray(model.statistics_[kept], dtype=np.float32),
        replaced_value_float=float(model.missing_values),
    )
    if model.indicator_ is not None:
        flags = _flags(scope, container, model, joined)
        container.add_node("Concat", [filled, flags], output, name=scope.get_unique_operator_name("Concat"), axis=1)


def _flags(scope: Any, container: Any, model: Any, joined: str) -> str:
    """1.0 where a value is missing, for the features that the fitted indicator reports."""
    import math

    from onnx import TensorProto

    watched = _columns(scope, container, joined, [int(k) for k in model.indicator_.features_])
    missing: str = scope.get_unique_variable_name("missing")
    flags: str = scope.get_unique_variable_name("flags")
    if math.isnan(model.missing_values):
        container.add_node("IsNaN", watched, missing, name=scope.get_unique_operator_name("IsNaN"))
    else:
        value = scope.get_unique_variable_name("marker")
        container.add_initializer(value, TensorProto.FLOAT, [1], [float(model.missing_values)])
        container.add_node("Equal", [watched, value], missing, name=scope.get_unique_operator_name("Equal"))
    container.add_node("Cast", missing, flags, name=scope.get_unique_operator_name("Cast"), to=TensorProto.FLOAT)
    return flags


def _columns(scope: Any, container: Any, source: str, columns: list[int]) -> str:
    from onnx import TensorProto

    index: str = scope.get_unique_variable_name("columns")
    chosen: str = scope.get_unique_variable_name("chosen")
    container.add_initializer(index, TensorProto.INT64, [len(columns)], columns)
    container.add_node("Gather", [source, index], chosen, name=scope.get_unique_operator_name("Gather"), axis=1)
    return chosen


def _kept(model: Any) -> list[int]:
    """Columns that sklearn does not drop: those with a statistic."""
    return [k for k, value in enumerate(model.statistics_) if not (isinstance(value, float) and value != value)]
