"""The graph as nodes with plain attributes, and its constants as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolkit.models.compile.cells import Builder, Kind, Tensor
from toolkit.models.compile.problems import NotCompilable


@dataclass(frozen=True)
class Node:
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value


def read(data: bytes) -> Any:
    """The graph of a model. The bytes are an export's own or verified ones."""
    import onnx

    return onnx.load_from_string(data).graph


def node(given: Any) -> Node:
    from onnx import helper

    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in given.attribute}
    return Node(given.op_type, tuple(given.input), tuple(given.output), attributes)


def kind(data_type: int) -> Kind:
    """Of an ONNX element type."""
    from onnx import TensorProto

    kinds: dict[int, Kind] = {
        TensorProto.FLOAT: "float32",
        TensorProto.DOUBLE: "float64",
        TensorProto.INT64: "int",
        TensorProto.INT32: "int",
        TensorProto.BOOL: "bool",
        TensorProto.STRING: "text",
    }
    if data_type not in kinds:
        raise NotCompilable(f"values of type {TensorProto.DataType.Name(data_type)}")
    return kinds[data_type]


def tensor(given: Any, build: Builder) -> Tensor:
    """A constant of the graph."""
    from onnx import numpy_helper

    return build.constant(numpy_helper.to_array(given), kind(given.data_type))
