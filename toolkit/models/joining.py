"""Several inputs of one operator as one tensor. skl2onnx's own joins by FeatureVectorizer, which takes no text."""

from __future__ import annotations

from typing import Any


def joined(scope: Any, operator: Any, container: Any) -> str:
    """Name of the tensor [rows, columns] of all inputs: text as text, numbers of any type as float32."""
    from skl2onnx.common.data_types import StringTensorType
    from skl2onnx.operator_converters.common import concatenate_variables

    inputs = operator.inputs
    if len(inputs) == 1 or not all(isinstance(variable.type, StringTensorType) for variable in inputs):
        name: str = concatenate_variables(scope, inputs, container)
        return name
    name = scope.get_unique_variable_name("joined")
    container.add_node(
        "Concat", [variable.full_name for variable in inputs], name, name=scope.get_unique_operator_name("Join"), axis=1
    )
    return name
