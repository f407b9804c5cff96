"""The ONNX graph in one canonical form, so that equal training gives equal bytes.

The converters leave their names, versions and counters in a graph, and attributes in the order of a Python set. Here
they are taken out; tensors and nodes are numbered in graph order, inputs are named as the features, outputs
`label` and `probabilities`, or `value`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolkit.domain import wire
from toolkit.domain.records import Feature

OPSET = 19  # the first with Equal on text; ai.onnx.ml 3 has the tree ensembles that every runtime reads
OPSET_ML = 3
IR_VERSION = 9
MATRIX = "features"


def canonical(model: Any, features: Sequence[Feature], classes: Sequence[str]) -> bytes:
    """The serialized graph with its inputs and outputs named, everything that varies taken out.

    A classifier answers the text of its class (`classes`, by the number it was trained on), so that the file alone says
    what it means; `classes` is empty for regression.
    """
    import onnx

    graph = model.graph
    if classes:
        _text_labels(graph, classes)
    if len(graph.input) == 1 and graph.input[0].name == MATRIX:
        _join_inputs(graph, features)
    outputs = _output_names(features, bool(classes))
    names = {value.name: feature.name for value, feature in zip(graph.input, features, strict=True)}
    names |= {value.name: name for value, name in zip(graph.output, outputs, strict=True)}
    _rename(graph, names)
    canonical_model = onnx.helper.make_model(graph, opset_imports=_opsets(model), ir_version=IR_VERSION)
    canonical_model.producer_name = ""
    canonical_model.graph.name = "model"
    canonical_model.graph.doc_string = ""
    onnx.checker.check_model(canonical_model)
    data: bytes = canonical_model.SerializeToString(deterministic=True)
    return data


def _text_labels(graph: Any, classes: Sequence[str]) -> None:
    from onnx import TensorProto, helper

    numbers = graph.output[0].name
    encoding: dict[str, Any] = {
        "keys_int64s": list(range(len(classes))),
        "values_strings": list(classes),
        "default_string": "",
    }
    graph.node.append(helper.make_node("LabelEncoder", [numbers], ["class text"], domain="ai.onnx.ml", **encoding))
    probabilities = graph.output[1].name
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("class text", TensorProto.STRING, [None]))
    width = [None, len(classes)]
    graph.output.append(helper.make_tensor_value_info(probabilities, TensorProto.FLOAT, width))


def _output_names(features: Sequence[Feature], classifier: bool) -> list[str]:
    """A feature may have one of these names; the output then gives way (outputs are read by position)."""
    taken = {feature.name for feature in features}
    names = ["label", "probabilities"] if classifier else ["value"]
    return [f"{name}:out" if name in taken else name for name in names]


def _opsets(model: Any) -> list[Any]:
    import onnx

    versions = {entry.domain: entry.version for entry in model.opset_import}
    versions |= {"": OPSET, "ai.onnx.ml": OPSET_ML}
    return [onnx.helper.make_opsetid(domain, versions[domain]) for domain in sorted(versions)]


def _join_inputs(graph: Any, features: Sequence[Feature]) -> None:
    """One [rows, k] matrix input becomes k inputs of one column and a Concat."""
    from onnx import TensorProto, helper

    columns = [f"column {number}" for number in range(len(features))]
    del graph.input[:]
    graph.input.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in columns)
    graph.node.insert(0, helper.make_node("Concat", columns, [MATRIX], axis=1))


def _rename(graph: Any, names: dict[str, str]) -> None:
    taken = set(names.values())
    numbers = (f"t{number}" for number in range(10**9))
    free = (name for name in numbers if name not in taken)

    def new(old: str) -> str:
        if old and old not in names:
            names[old] = next(free)
        return names.get(old, "")

    for number, node in enumerate(graph.node):
        node.name, node.doc_string = f"n{number}", ""
        node.input[:] = [new(name) for name in node.input]
        node.output[:] = [new(name) for name in node.output]
        attributes = sorted(node.attribute, key=lambda attribute: str(attribute.name))
        del node.attribute[:]
        node.attribute.extend(attributes)
    for tensor in graph.initializer:
        tensor.name, tensor.doc_string = new(tensor.name), ""
    kept = sorted(graph.initializer, key=lambda tensor: str(tensor.name))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    for value in [*graph.input, *graph.output]:
        value.name, value.doc_string = names[value.name], ""


def inputs(features: Sequence[Feature], *, matrix: bool) -> list[tuple[str, Any]]:
    """skl2onnx's input types: one a feature, or one matrix for an estimator that takes no names."""
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    if matrix:
        return [(MATRIX, FloatTensorType([None, len(features)]))]
    kinds = {"number": FloatTensorType, "text": StringTensorType}
    return [(feature.name, kinds[wire.kind(feature.dtype)]([None, 1])) for feature in features]
