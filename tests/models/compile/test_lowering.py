"""Every estimator that is exported is compiled, and answers as its ONNX model does."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnx
import polars as pl
import pytest
from onnx import TensorProto, helper
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    StackingClassifier,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, PolynomialFeatures, PowerTransformer
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeRegressor

from tests.models.conftest import Table
from tests.models.estimators import ESTIMATORS, LABELS, Make, coded, dense
from toolkit.domain.records import Column, Feature, Signature
from toolkit.models import data as training
from toolkit.models.compile import NotCompilable, compiled
from toolkit.models.compile.proof import attempt
from toolkit.models.export import to_onnx
from toolkit.models.native import native
from toolkit.models.served import answer, loaded
from toolkit.models.signature import signature
from toolkit.serving.model import PROGRAM

MORE: dict[str, tuple[str, Make]] = {
    "sgd": ("bought", lambda d: make_pipeline(dense(d), SGDClassifier(loss="log_loss", random_state=0))),
    "sgd many": ("tier", lambda d: make_pipeline(dense(d), SGDClassifier(loss="log_loss", random_state=0))),
    "svc": ("bought", lambda d: make_pipeline(dense(d), CalibratedClassifierCV(LinearSVC(), cv=2))),
    "svc many": ("tier", lambda d: make_pipeline(dense(d), CalibratedClassifierCV(LinearSVC(), cv=2))),
    "isotonic": (
        "bought",
        lambda d: make_pipeline(dense(d), CalibratedClassifierCV(LogisticRegression(), cv=2, method="isotonic")),
    ),
    "extra trees many": ("tier", lambda d: make_pipeline(coded(d), ExtraTreesClassifier(5, random_state=0))),
    "ada": ("bought", lambda d: make_pipeline(dense(d), AdaBoostClassifier(n_estimators=3))),
    "one against the rest": ("tier", lambda d: make_pipeline(dense(d), OneVsRestClassifier(LogisticRegression()))),
    "stacked": (
        "bought",
        lambda d: make_pipeline(
            dense(d), StackingClassifier([("a", LogisticRegression()), ("b", LogisticRegression())])
        ),
    ),
    "voted": (
        "spent",
        lambda d: make_pipeline(dense(d), VotingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3))])),
    ),
    "scaled": (
        "spent",
        lambda d: make_pipeline(dense(d), MinMaxScaler(), PolynomialFeatures(2), MaxAbsScaler(), Normalizer(), Ridge()),
    ),
    "power": ("spent", lambda d: make_pipeline(dense(d), PowerTransformer(), LinearSVR(random_state=0))),
    "poisson": ("spent", lambda d: make_pipeline(dense(d), PoissonRegressor())),
    "boosted": ("spent", lambda d: make_pipeline(coded(d), SimpleImputer(), GradientBoostingRegressor(n_estimators=5))),
}
CASES: dict[str, tuple[str, Make]] = {name: (LABELS[name], make) for name, make in ESTIMATORS.items()} | MORE


GATE = (
    *MORE,
    *("logistic indicator", "logistic rare", "target encoded", "hist categories nan", "hist poisson"),
    *("forest many", "tree", "gradient boosting", "lightgbm", "xgboost", "ridge"),
)


class Exported(NamedTuple):
    signature: Signature
    graph: bytes
    rows: pl.DataFrame


def exported(name: str, table: Table) -> Exported:
    label, make = CASES[name]
    data = table.data(label)
    estimator = make(data).fit(data.X, data.y)
    asked, rows = native(estimator, data), training.wire_frame(table.rows, data.features)
    signed = signature(asked, data, Column(name=label, dtype="string"), rows)
    return Exported(signed, to_onnx(estimator, signed.features, signed.classes), rows)


@pytest.mark.parametrize("name", GATE)
def test_the_compiled_form_is_proven(name: str, table: Table) -> None:
    proven(name, table)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [name for name in CASES if name not in GATE])
def test_every_other_estimator_too(name: str, table: Table) -> None:
    proven(name, table)


def proven(name: str, table: Table) -> None:
    of = exported(name, table)
    form, program = attempt(of.graph, loaded("shop", of.signature, of.graph), of.rows)
    assert form.reason == ""
    assert program is not None
    assert form.rows == len(of.rows)
    assert form.adversarial_rows > 100
    assert form.max_difference < 3e-6
    assert form.work > 0


@pytest.mark.parametrize("name", ["forest", "extra trees", "lightgbm number", "xgboost number", "hist number"])
def test_trees_add_up_to_the_same_bits(name: str, table: Table) -> None:
    of = exported(name, table)
    tables = loaded("shop", of.signature, compiled(of.graph, of.signature)[0], role=PROGRAM)
    expected, got = answer(loaded("shop", of.signature, of.graph), of.rows), answer(tables, of.rows)
    assert np.array_equal(expected.scores, got.scores)


def test_equal_graphs_compile_to_equal_bytes(table: Table) -> None:
    of = exported("tree", table)
    assert compiled(of.graph, of.signature) == compiled(of.graph, of.signature)


NUMBERS = (Feature(name="a", dtype="float64"), Feature(name="b", dtype="float64"))
REGRESSION = Signature(task="regression", features=NUMBERS, label="y")


def graph_of(*nodes: onnx.NodeProto, output: str = "y", initializers: tuple[onnx.TensorProto, ...] = ()) -> bytes:
    inputs = [helper.make_tensor_value_info(f.name, TensorProto.FLOAT, [None, 1]) for f in NUMBERS]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, 1])]
    graph = helper.make_graph(list(nodes), "model", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 19), helper.make_opsetid("ai.onnx.ml", 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return data


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([helper.make_node("Erf", ["a"], ["y"])], "the operator Erf has no compiled form"),
        ([helper.make_node("Cast", ["a"], ["y"], to=TensorProto.STRING)], "Cast of float32 to text"),
        ([helper.make_node("Cast", ["a"], ["y"], to=TensorProto.FLOAT16)], "FLOAT16"),
        ([helper.make_node("ReduceMax", ["a"], ["y"], axes=[0])], "over several rows at once"),
        ([helper.make_node("ArgMax", ["a"], ["y"])], "over several rows"),
        ([helper.make_node("ArgMax", ["a"], ["i"], axis=1), helper.make_node("Gather", ["b", "i"], ["y"])], "computed"),
        ([helper.make_node("Concat", ["a", "b"], ["y"], axis=1)], r"answers float32 of the shape \(1, 2\)"),
        ([helper.make_node("Reshape", ["a", "b"], ["y"])], "depends on the row"),
    ],
)  # fmt: skip
def test_what_it_cannot_take_is_named(nodes: list[onnx.NodeProto], says: str) -> None:
    with pytest.raises(NotCompilable, match=says):
        compiled(graph_of(*nodes), REGRESSION)


def test_a_form_that_is_not_equal_is_not_kept(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof can fail: a compiler that is wrong by a little is found out."""
    from toolkit.serving import steps

    of = exported("logistic", table)
    graph, rows = of.graph, of.rows
    model = loaded("shop", of.signature, graph)
    assert attempt(graph, model, rows)[1] is not None
    right = steps.FUNCTIONS["logistic"]
    monkeypatch.setitem(steps.FUNCTIONS, "logistic", lambda x: right(x) + 1e-4)
    form, program = attempt(graph, model, rows)
    assert program is None
    assert "differ from the ONNX model's by 0.0001" in form.reason
    monkeypatch.setitem(steps.REDUCTIONS, "argmax", lambda values: 0)
    assert "labels are not always" in attempt(graph, model, rows)[0].reason
