"""ONNX for the estimators that people use; equal bytes for equal training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.models.conftest import Table
from tests.models.estimators import ESTIMATORS, LABELS, dense
from toolkit.domain.records import Column, Schema
from toolkit.models import data as training
from toolkit.models.export import ExportFailed, to_onnx
from toolkit.models.native import native
from toolkit.models.parity import certify
from toolkit.models.served import answer, loaded
from toolkit.models.signature import signature


@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_export_answers_as_the_estimator(name: str, table: Table) -> None:
    label = LABELS[name]
    data = table.data(label)
    estimator = ESTIMATORS[name](data).fit(data.X, data.y)
    rows = training.wire_frame(table.rows, data.features)
    asked = native(estimator, data)
    signed = signature(asked, data, Column(name=label, dtype="string"), rows)
    model = loaded("shop", signed, to_onnx(estimator, signed.features, signed.classes))
    parity = certify(asked, lambda wired: answer(model, wired), signed.features, rows, 1e-5)
    assert parity.rows == len(rows)
    assert parity.adversarial_rows > 100
    assert parity.label_mismatches == 0
    assert parity.max_difference < 1e-5


@pytest.mark.parametrize("name", ["hist alone", "logistic", "lightgbm", "xgboost"])
def test_pandas_and_polars_export_to_the_same_bytes(name: str, table: Table) -> None:
    graphs = []
    for frame in ("polars", "pandas"):
        data = training.training_data(table.rows, table.schema(LABELS[name]), frame=frame)
        estimator = ESTIMATORS[name](data).fit(data.X, data.y)
        graphs.append(to_onnx(estimator, native(estimator, data).features, data.classes))
    assert graphs[0] == graphs[1]


@pytest.mark.slow
def test_another_process_writes_the_same_bytes() -> None:
    code = (
        "import hashlib; from tests.models.conftest import make_table; from tests.models.estimators import *\n"
        "from toolkit.models.export import to_onnx\n"
        "d = make_table().data('bought')\n"
        "for name in ('forest', 'xgboost', 'lightgbm', 'hist alone', 'logistic rare'):\n"
        "    e = ESTIMATORS[name](d).fit(d.X, d.y)\n"
        "    print(name, hashlib.sha256(to_onnx(e, d.features, d.classes)).hexdigest())\n"
    )
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)
    assert len(found) == 1


def test_inputs_are_the_features_and_labels_are_text(table: Table) -> None:
    data = table.data("tier")
    estimator = ESTIMATORS["logistic many"](data).fit(data.X, data.y)
    session = onnxruntime.InferenceSession(to_onnx(estimator, data.features, data.classes))
    assert [i.name for i in session.get_inputs()] == [f.name for f in data.features]
    assert {i.type for i in session.get_inputs() if i.name != "city"} == {"tensor(float)"}
    assert [(o.name, o.type) for o in session.get_outputs()] == [
        ("label", "tensor(string)"),
        ("probabilities", "tensor(float)"),
    ]


def test_nothing_of_the_converter_is_left(table: Table) -> None:
    data = table.data("bought")
    estimator = ESTIMATORS["hist"](data).fit(data.X, data.y)
    model = onnx.load_from_string(to_onnx(estimator, data.features, data.classes))
    assert (model.producer_name, model.producer_version, model.doc_string, model.graph.doc_string) == ("", "", "", "")
    assert model.graph.name == "model"
    assert not model.metadata_props


def numbers_only(rows: int = 300) -> training.TrainingData:
    """Names that a converter might trip over, one of them an output's."""
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({name: rng.normal(size=rows) for name in ("label", "a b", "züge/tag", "x.y-z", "t0")})
    frame = frame.with_columns(y=(pl.col("label") + pl.col("t0")) > 0)
    columns = [Column(name=name, dtype="float64") for name in frame.columns[:-1]]
    return training.training_data(frame, Schema(columns=(*columns, Column(name="y", dtype="bool", role="label"))))


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        lightgbm.LGBMClassifier(n_estimators=5, verbose=-1),
        xgboost.XGBClassifier(n_estimators=5),
        make_pipeline(xgboost.XGBClassifier(n_estimators=5)),
        CalibratedClassifierCV(LogisticRegression(), cv=2),
    ],
    ids=["sklearn", "lightgbm", "xgboost", "in a pipeline", "calibrated"],
)
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.filterwarnings("ignore:Found whitespace in feature_names")
def test_strange_feature_names(estimator: object, named: bool) -> None:
    data = numbers_only()
    fitted = estimator.fit(data.X.to_pandas() if named else data.X.to_numpy(), data.y)  # type: ignore[attr-defined]
    asked = native(fitted, data)
    signed = signature(asked, data, Column(name="y", dtype="bool"), data.X)
    onnx_bytes = to_onnx(fitted, asked.features, data.classes)
    inputs = [value.name for value in onnx.load_from_string(onnx_bytes).graph.input]
    assert inputs == ["label", "a b", "züge/tag", "x.y-z", "t0"]
    model = loaded("strange", signed, onnx_bytes)
    assert certify(asked, lambda wired: answer(model, wired), signed.features, data.X, 1e-5).label_mismatches == 0


def test_what_has_no_onnx_form_is_said(table: Table) -> None:
    data = table.data("bought")
    own = make_pipeline(dense(data), FunctionTransformer(np.log1p), LogisticRegression()).fit
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="NaN"):
        own(data.X, data.y)
    shift = FunctionTransformer(lambda X: X + 1)  # noqa: N803
    estimator = make_pipeline(dense(data), shift, LogisticRegression(max_iter=500)).fit(data.X, data.y)
    with pytest.raises(ExportFailed, match="ColumnTransformer -> FunctionTransformer -> LogisticRegression") as refused:
        to_onnx(estimator, data.features, data.classes)
    assert "prepare" in refused.value.hint


def test_an_unknown_estimator_is_named(table: Table) -> None:
    class Nearest(KNeighborsClassifier):  # type: ignore[misc]
        pass

    data = table.data("bought")
    estimator = make_pipeline(dense(data), Nearest()).fit(data.X, data.y)
    with pytest.raises(ExportFailed, match="Nearest"):
        to_onnx(estimator, data.features, data.classes)
