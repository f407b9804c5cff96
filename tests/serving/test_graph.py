"""Nothing of an ONNX file may lie outside the bytes that were verified."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable
from typing import Any

import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from tests.serving.endpoints import Files
from toolkit.domain.errors import Corrupt
from toolkit.serving import graph

LOCATIONS = [
    "secret.bin",
    "/etc/passwd",
    "../outside.bin",
    "./secret.bin",
    "*/_ORT_MEM_ADDR_/*",
    "file:///etc/passwd",
    "",
]


def tensor(name: str = "w", values: int = 2) -> Any:
    return helper.make_tensor(name, TensorProto.FLOAT, [values], [1.0] * values)


def external(location: str = "secret.bin", name: str = "w") -> Any:
    value = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    value.external_data.add(key="location", value=location)
    return value


def sparse(values: Any, indices: Any | None = None, dims: tuple[int, ...] = (4,)) -> Any:
    indices = indices or helper.make_tensor("i", TensorProto.INT64, [2], [0, 3])
    return helper.make_sparse_tensor(values, indices, list(dims))


def graph_of(*nodes: Any, initializers: tuple[Any, ...] = (), sparse_initializers: tuple[Any, ...] = ()) -> Any:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])
    nodes = nodes or (helper.make_node("Identity", ["x"], ["y"]),)
    return helper.make_graph(
        list(nodes), "g", [x], [y], initializer=list(initializers), sparse_initializer=list(sparse_initializers)
    )


def model_of(made: Any, **more: Any) -> Any:
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], **more)


def with_attribute(attribute: Any) -> Any:
    node = helper.make_node("Constant", [], ["y"])
    node.attribute.append(attribute)
    return model_of(graph_of(node))


def attribute(**fields: Any) -> Any:
    """An AttributeProto whose declared type says nothing of what it holds: a walk that trusted `type` would miss it."""
    return onnx.AttributeProto(name="value", type=onnx.AttributeProto.FLOAT, f=1.0, **fields)


def in_subgraph(inner: Any) -> Any:
    node = helper.make_node("If", ["x"], ["y"])
    node.attribute.append(attribute(g=inner))
    return model_of(graph_of(node))


def in_function(**fields: Any) -> Any:
    made = model_of(graph_of())
    made.functions.append(onnx.FunctionProto(name="f", domain="", **fields))
    return made


def nested(depth: int) -> Any:
    inner = graph_of(initializers=(external(),))
    for _ in range(depth):
        node = helper.make_node("If", ["x"], ["y"])
        node.attribute.append(attribute(g=inner))
        inner = graph_of(node)
    return model_of(inner)


def marked_only() -> Any:
    """Says that its data is elsewhere without saying where."""
    return TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)


def located_only() -> Any:
    """Says where without saying that it is elsewhere."""
    value = tensor()
    value.external_data.add(key="location", value="secret.bin")
    return value


def constant_node() -> Any:
    return helper.make_node("Constant", [], ["y"], value=external())


def training() -> Any:
    made = model_of(graph_of())
    made.training_info.add().initialization.CopyFrom(graph_of(initializers=(external(),)))
    return made


def oversized(dims: list[int], **data: Any) -> Any:
    return model_of(graph_of(initializers=(TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims, **data),)))


def at_location(place: str) -> Callable[[], Any]:
    return lambda: model_of(graph_of(initializers=(external(place),)))


def sparse_at_location(place: str) -> Callable[[], Any]:
    return lambda: model_of(graph_of(sparse_initializers=(sparse(external(place)),)))


HOSTILE: dict[str, Callable[[], Any]] = {
    **{f"initializer at {place!r}": at_location(place) for place in LOCATIONS},
    **{f"sparse values at {place!r}": sparse_at_location(place) for place in LOCATIONS},
    "sparse indices": lambda: model_of(graph_of(sparse_initializers=(sparse(tensor(), external()),))),
    "marked external, no location": lambda: model_of(graph_of(initializers=(marked_only(),))),
    "a location, not marked external": lambda: model_of(graph_of(initializers=(located_only(),))),
    "second initializer": lambda: model_of(graph_of(initializers=(tensor("a"), external()))),
    "constant node": lambda: model_of(graph_of(constant_node())),
    "attribute t": lambda: with_attribute(attribute(t=external())),
    "attribute tensors": lambda: with_attribute(attribute(tensors=[tensor(), external()])),
    "attribute sparse_tensor": lambda: with_attribute(attribute(sparse_tensor=sparse(external()))),
    "attribute sparse_tensors": lambda: with_attribute(attribute(sparse_tensors=[sparse(external())])),
    "attribute g": lambda: in_subgraph(graph_of(initializers=(external(),))),
    "attribute graphs": lambda: with_attribute(attribute(graphs=[graph_of(), graph_of(initializers=(external(),))])),
    "attribute g, sparse": lambda: in_subgraph(graph_of(sparse_initializers=(sparse(external()),))),
    "subgraph of a subgraph": lambda: nested(3),
    "nested too deep": lambda: nested(30),
    "function node": lambda: in_function(node=[constant_node()]),
    "function attribute": lambda: in_function(attribute_proto=[attribute(t=external())]),
    "function of another domain": lambda: in_function(opset_import=[helper.make_opsetid("evil", 1)]),
    "training information": training,
    "operator of a custom domain": lambda: model_of(graph_of(helper.make_node("Read", ["x"], ["y"], domain="evil"))),
    "operator of com.microsoft": lambda: model_of(
        graph_of(helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft"))
    ),
    "operator of a custom domain in a subgraph": lambda: in_subgraph(
        graph_of(helper.make_node("Read", ["x"], ["y"], domain="evil"))
    ),
    "domain that only looks right": lambda: model_of(
        graph_of(helper.make_node("Add", ["x"], ["y"], domain="ai.onnx "))
    ),
    "custom opset import": lambda: helper.make_model(graph_of(), opset_imports=[helper.make_opsetid("evil", 1)]),
    "more values than bytes": lambda: oversized([1 << 40], raw_data=b"\x00" * 8),
    "product of many dims": lambda: oversized([1 << 20] * 4, raw_data=b"\x00" * 8),
    "negative dimension": lambda: oversized([-1], raw_data=b"\x00" * 8),
    "sparse that is dense": lambda: model_of(graph_of(sparse_initializers=(sparse(tensor(), dims=(1 << 40,)),))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reaches_outside_is_refused(name: str) -> None:
    data = HOSTILE[name]().SerializeToString()
    with pytest.raises(Corrupt, match=r"model\.onnx is refused: ") as error:
        graph.check(data)
    assert error.value.hint


def test_there_are_at_least_forty() -> None:
    assert len(HOSTILE) >= 40


def test_without_the_walk_onnxruntime_reads_the_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why it exists: the same bytes, given to onnxruntime, answer with what a file of ours holds."""
    secret = struct.pack("<2f", 1234.5, 5678.5)
    (tmp_path / "secret.bin").write_bytes(secret)
    monkeypatch.chdir(tmp_path)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    values = external("secret.bin")
    made = model_of(
        graph_of(node, sparse_initializers=(sparse(values, helper.make_tensor("i", 7, [2], [0, 1]), (2,)),))
    )
    data = made.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    import numpy as np

    leaked = session.run(None, {"x": np.zeros(2, np.float32)})[0]
    assert leaked.tolist() == [1234.5, 5678.5]
    with pytest.raises(Corrupt):
        graph.check(data)


def test_good_models_pass(binary_files: Files, multiclass_files: Files, regression_files: Files) -> None:
    for files in (binary_files, multiclass_files, regression_files):
        graph.check(files.files["model.onnx"])
    graph.check(
        model_of(
            graph_of(initializers=(tensor(), numpy_helper.from_array(__import__("numpy").zeros((3, 0)))))
        ).SerializeToString()
    )
    graph.check(in_function(node=[helper.make_node("Identity", ["x"], ["y"])]).SerializeToString())


def test_a_tree_of_many_nodes_is_walked_by_runs() -> None:
    """Every list kind of an attribute, long enough that walking it value by value would show."""
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml")
    draw = random.Random(1)
    node.attribute.extend(
        [
            onnx.AttributeProto(name="a", floats=[draw.random() for _ in range(5_000)]),
            onnx.AttributeProto(name="b", ints=[draw.randrange(-(2**62), 2**62) for _ in range(5_000)]),
            onnx.AttributeProto(name="c", strings=[b"x" * draw.randrange(0, 40) for _ in range(5_000)]),
        ]
    )
    made = model_of(graph_of(node))
    graph.check(made.SerializeToString())
    node.attribute.append(attribute(t=external()))  # behind them
    with pytest.raises(Corrupt, match="outside the model"):
        graph.check(model_of(graph_of(node)).SerializeToString())


LISTS: dict[str, dict[str, Any]] = {
    "floats": {"floats": [1.0, 2.0]},
    "ints": {"ints": [1, -1, 300]},
    "strings": {"strings": [b"BRANCH_LEQ", b"LEAF"]},
}


@pytest.mark.parametrize("kind", LISTS)
def test_a_run_ends_where_its_list_does(kind: str) -> None:
    """A tensor right behind a list, in the order of the format and in any other order of the same bytes."""
    holding = attribute(**LISTS[kind], tensors=[external()])
    with pytest.raises(Corrupt, match="outside the model"):
        graph.check(with_attribute(holding).SerializeToString())
    listed = onnx.AttributeProto(**LISTS[kind]).SerializeToString()
    tensor_first = onnx.AttributeProto(t=external()).SerializeToString()
    node = _field(5, listed + tensor_first) + _field(4, b"Constant")
    with pytest.raises(Corrupt, match="outside the model"):
        graph.check(_field(7, _field(1, node)))


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited field shorter than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content


def test_the_format_of_onnxruntime_itself_is_refused(binary_files: Files, tmp_path: Any) -> None:
    """A file that both would read differently: its bytes 4 to 8 make onnxruntime take it for a flatbuffer."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(binary_files.files["model.onnx"], options, providers=["CPUExecutionProvider"])
    with pytest.raises(Corrupt, match="onnxruntime's own format"):
        graph.check((tmp_path / "model.ort").read_bytes())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no graph"),
        (b"\x08\x08", "no graph"),
        (b"\x3a\x05ab", "cut off"),
        (b"\x3a", "bad number"),
        (b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "bad number"),
        (b"\x38\x01", "wrong wire type"),  # field 7 (graph) as a number
        (b"\x3b", "wire type 3"),
        (b"\x00\x00", "field number 0"),
        (b"\x80\x04\x95\x0c\x00\x00\x00pickle.", "not a readable protobuf"),
    ],
)
def test_what_cannot_be_read_for_sure_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(Corrupt, match=says):
        graph.check(data)


def test_a_location_hidden_in_an_overlong_number_is_found() -> None:
    """data_location = 1 written in ten bytes, and with bits that a 32-bit reader drops."""
    for number in (b"\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00", b"\x81\x80\x80\x80\x10"):
        hidden = b"\x08\x02\x10\x01\x70" + number  # dims 2, float, data_location
        graph_bytes = b"\x2a" + bytes([len(hidden)]) + hidden
        with pytest.raises(Corrupt, match="outside the model"):
            graph.check(b"\x3a" + bytes([len(graph_bytes)]) + graph_bytes)


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_refused_or_pass_and_nothing_else(data: bytes) -> None:
    with contextlib.suppress(Corrupt):
        graph.check(data)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_what_protobuf_finds_the_walk_finds(data: st.DataObject) -> None:
    """Cut, flip and splice hostile files: where the real parser still sees external data, the walk refuses."""
    name = data.draw(st.sampled_from(sorted(HOSTILE)))
    content = bytearray(HOSTILE[name]().SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    try:
        parsed = onnx.load_model_from_string(bytes(content))
    except Exception:
        return
    if _external(parsed):
        with pytest.raises(Corrupt):
            graph.check(bytes(content))


def _external(message: Any) -> bool:
    if isinstance(message, TensorProto) and (message.external_data or message.data_location == TensorProto.EXTERNAL):
        return True
    for field, value in message.ListFields():
        if field.message_type is not None:
            repeated = value if hasattr(value, "__len__") and not hasattr(value, "ListFields") else [value]
            if any(_external(child) for child in repeated):
                return True
    return False
