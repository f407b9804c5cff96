"""A graph without its first join answers the same bytes; one that begins in any other way is left as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from toolkit.domain.records import Feature
from toolkit.models.export import to_onnx
from toolkit.serving import engine, graph, session
from toolkit.serving.engine import side_by_side
from toolkit.serving.matrix import joined

NAMES = ["a", "b", "c"]
Change = Callable[[Any], object]


def model() -> Any:
    """Three columns joined and doubled."""
    columns = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in NAMES]
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])
    nodes = [helper.make_node("Concat", NAMES, ["m"], axis=1), helper.make_node("Add", ["m", "m"], ["y"])]
    made = helper.make_model(helper.make_graph(nodes, "g", columns, [answer]))
    made.ir_version = 10
    return made


@pytest.mark.parametrize("classes", [(), ("no", "yes"), ("low", "middle", "high")], ids=["value", "two", "three"])
def test_the_same_answers(classes: tuple[str, ...]) -> None:
    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)).astype(np.float32), columns=NAMES)
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    target = np.searchsorted(np.linspace(-1, 1, len(classes) - 1), frame.a + frame.b) if classes else frame.a + frame.b
    data = to_onnx(kind(max_iter=5).fit(frame, target), tuple(Feature(name=n, dtype="float64") for n in NAMES), classes)
    found = joined(data, NAMES)
    assert found is not None
    graph.check(found[0])
    one, plain = session.opened(found[0]), session.opened(data)
    rows = np.concatenate([frame.to_numpy(), np.full((1, 3), np.nan, np.float32), np.full((1, 3), 3e38, np.float32)])
    expected = plain.run(None, {name: rows[:, i : i + 1] for i, name in enumerate(NAMES)})
    answered = one.run(None, {found[1]: rows})
    assert [a.tolist() for a in answered] == [a.tolist() for a in expected]
    assert [a.dtype for a in answered] == [a.dtype for a in expected]


def test_what_is_left() -> None:
    found = joined(model().SerializeToString(), NAMES)
    assert found is not None
    read = onnx.load_from_string(found[0])
    onnx.checker.check_model(read, full_check=True)
    assert found[1] == "m"
    assert [(i.name, [d.dim_value for d in i.type.tensor_type.shape.dim]) for i in read.graph.input] == [("m", [0, 3])]
    assert [node.op_type for node in read.graph.node] == ["Add"]


def used_again(made: Any) -> None:
    made.graph.node[1].input[1] = "a"


def in_another_order(made: Any) -> None:
    made.graph.node[0].input[:] = ["b", "a", "c"]


def by_rows(made: Any) -> None:
    made.graph.node[0].attribute[0].i = 0


def of_doubles(made: Any) -> None:
    for given in made.graph.input:
        given.type.tensor_type.elem_type = TensorProto.DOUBLE


def wider(made: Any) -> None:
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 2


def with_a_default(made: Any) -> None:
    made.graph.initializer.append(helper.make_tensor("a", TensorProto.FLOAT, [1, 1], [0.0]))


def answered_too(made: Any) -> None:
    made.graph.output.append(helper.make_tensor_value_info("m", TensorProto.FLOAT, [None, 3]))


def with_a_subgraph(made: Any) -> None:
    made.graph.node[1].op_type = "If"


def with_a_function(made: Any) -> None:
    made.functions.append(helper.make_function("d", "f", ["x"], ["y"], [], []))


def of_another_operator(made: Any) -> None:
    made.graph.node[0].op_type = "Sum"


def with_another_input(made: Any) -> None:
    made.graph.input.append(helper.make_tensor_value_info("d", TensorProto.FLOAT, [None, 1]))


@pytest.mark.parametrize(
    "change",
    [used_again, in_another_order, by_rows, of_doubles, wider, with_a_default, answered_too, with_a_subgraph,
     with_a_function, of_another_operator, with_another_input],
)  # fmt: skip
def test_any_other_beginning_is_left_alone(change: Change) -> None:
    made = model()
    assert joined(made.SerializeToString(), NAMES) is not None
    change(made)
    assert joined(made.SerializeToString(), NAMES) is None


def test_no_cut_or_flipped_model_is_more_than_left_alone() -> None:
    data = model().SerializeToString()
    for at in range(len(data)):
        joined(data[:at], NAMES)
        joined(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :], NAMES)


def test_columns_of_every_kind_become_one_matrix() -> None:
    columns = [np.array([1, 2], np.float32), np.array([3, 4], np.int64), [None, 1e300]]
    found = side_by_side(columns, 2)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    largest = float(np.finfo(np.float32).max)
    assert np.array_equal(found, np.array([[1, 3, np.nan], [2, 4, largest]], np.float32), equal_nan=True)


@pytest.mark.parametrize("at_once", [0, engine.AT_ONCE])
def test_lists_become_the_same_matrix_in_one_piece_or_column_by_column(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "AT_ONCE", at_once)
    found = side_by_side([(0.1, 1e300), (3, -(2**63)), (True, False)], 2)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    largest = float(np.finfo(np.float32).max)
    assert np.array_equal(found, np.array([[0.1, 3, 1], [largest, -(2.0**63), 0]], np.float32))
