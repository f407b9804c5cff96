"""A model is loaded only if it is the pinned one, whole; and answers as the native one does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.endpoints import FEATURES, ROW, Files, packed
from toolkit.domain.errors import Corrupt, DataError, NewerFormat
from toolkit.domain.records import Feature, Signature
from toolkit.serving import model as models
from toolkit.serving.model import Model, load


def test_labels_and_probabilities_are_the_native_ones(binary: Model, binary_files: Files) -> None:
    pipeline, data = binary_files.pipeline, binary_files.frame
    answer = binary.answer([data[f.name].tolist() for f in FEATURES], len(data))
    np.testing.assert_allclose(answer.probabilities, pipeline.predict_proba(data), atol=1e-4)
    assert answer.labels == pipeline.predict(data).tolist()
    assert answer.scores == [row[1] for row in answer.probabilities] == answer.confidence
    assert len(answer) == len(data)


def test_whole_number_classes_come_back_as_text(multiclass: Model, multiclass_files: Files) -> None:
    pipeline, data = multiclass_files.pipeline, multiclass_files.frame
    answer = multiclass.answer([data[f.name].tolist() for f in FEATURES], len(data))
    assert answer.labels == [str(v) for v in pipeline.predict(data)]
    assert set(answer.labels) <= set(multiclass.signature.classes)
    assert answer.confidence == [max(row) for row in answer.probabilities]
    assert answer.scores is answer.probabilities


def test_a_regression_answers_values(regression: Model, regression_files: Files) -> None:
    pipeline, data = regression_files.pipeline, regression_files.frame
    answer = regression.answer([data[f.name].tolist() for f in FEATURES], len(data))
    np.testing.assert_allclose(answer.values, pipeline.predict(data), rtol=1e-4)
    assert answer.labels == []
    assert answer.scores == answer.values == answer.confidence


@given(
    rows=st.lists(
        st.tuples(
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.integers(-(2**63), 2**63 - 1),
            st.none() | st.booleans(),
            st.none() | st.text(max_size=5),
            st.text(max_size=5),
            st.none() | st.floats(-20_000, 40_000),
            st.floats(-20_000, 40_000),
        ),
        min_size=2,
        max_size=5,
    )
)
@settings(max_examples=100, deadline=None)
def test_one_row_answers_as_many_do(binary: Model, rows: list[tuple[Any, ...]]) -> None:
    together = binary.answer([list(column) for column in zip(*rows, strict=True)], len(rows))
    apart = [binary.answer_row(row) for row in rows]
    # Matrix products of many rows are summed in another order than those of one.
    np.testing.assert_allclose([a.probabilities[0] for a in apart], together.probabilities, atol=1e-6)


def test_predict_takes_the_values_of_json(binary: Model) -> None:
    answer = binary.predict({name: [value, value] for name, value in ROW.items()})
    assert answer.probabilities[0] == answer.probabilities[1]
    assert binary.predict({"distance": [500], "origin": ["JFK"], "day": ["2013-07-01"]}).labels  # the rest is null
    assert len(binary.predict({})) == 0


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"delay": [1.0], "distance": [1, 2]}, "unequal length"),
        ({"dely": [1.0]}, "unknown columns"),
        ({"delay": ["late"]}, "delay: expected a number"),
    ],
)
def test_predict_names_what_is_wrong(binary: Model, columns: dict[str, list[Any]], says: str) -> None:
    with pytest.raises(DataError, match=says):
        binary.predict(columns)


def test_a_folder_loads_as_its_bytes_do(binary_files: Files, tmp_path: Path) -> None:
    for name, data in binary_files.files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "stranger").write_bytes(b"never read")
    model = load(tmp_path, binary_files.digest)
    assert model.predict({k: [v] for k, v in ROW.items()}).labels
    assert model.files == {"card": b"# A card"}


def test_a_card_may_be_left_out_and_a_graph_may_not(binary_files: Files) -> None:
    files = dict(binary_files.files)
    del files["card"]
    assert load(files, binary_files.digest).files == {}
    del files["model.onnx"]
    with pytest.raises(Corrupt, match=r"model\.onnx is missing"):
        load(files, binary_files.digest)
    with pytest.raises(Corrupt, match=r"manifest\.json is missing"):
        load({}, binary_files.digest)


@pytest.mark.parametrize("name", ["manifest.json", "model.onnx", "card"])
def test_one_flipped_bit_is_refused(binary_files: Files, name: str) -> None:
    data = bytearray(binary_files.files[name])
    for position in np.linspace(0, len(data) - 1, 50, dtype=int):
        data[position] ^= 1
        with pytest.raises(Corrupt, match="expected"):
            load({**binary_files.files, name: bytes(data)}, binary_files.digest)
        data[position] ^= 1


def test_another_model_under_this_digest_is_refused(binary_files: Files, regression_files: Files) -> None:
    with pytest.raises(Corrupt, match=r"manifest\.json has the digest"):
        load(regression_files.files, binary_files.digest)
    swapped = {**binary_files.files, "model.onnx": regression_files.files["model.onnx"]}
    with pytest.raises(Corrupt, match=r"model\.onnx has the digest"):
        load(swapped, binary_files.digest)


def test_a_newer_manifest_says_what_to_install(binary_files: Files) -> None:
    from toolkit.domain import digest

    manifest = binary_files.files["manifest.json"].replace(b'"format":1', b'"format":2')
    with pytest.raises(NewerFormat) as error:
        load({**binary_files.files, "manifest.json": manifest}, digest.of_bytes(manifest))
    assert "pip install" in error.value.hint


@pytest.mark.parametrize("name", ["../outside", "a/b", ".hidden"])
def test_a_manifest_cannot_name_a_file_elsewhere(binary_files: Files, tmp_path: Path, name: str) -> None:
    signature = Signature(task="binary", features=FEATURES, label="late", classes=("late", "on time"))
    files = packed(signature, {"model.onnx": binary_files.files["model.onnx"], name: b"x"})
    for role in ("manifest.json", "model.onnx"):
        (tmp_path / role).write_bytes(files.files[role])
    with pytest.raises(Corrupt, match="outside the model's folder"):
        load(tmp_path, files.digest)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"features": FEATURES[:-1]}, "inputs of its signature; they differ in day"),
        ({"features": (Feature(name="delay", dtype="string"), *FEATURES[1:])}, "differ in delay"),
        ({"classes": ("a", "b", "c")}, "2 probabilities for the 3 classes"),
        ({"task": "regression"}, "a regression answers"),
    ],
)
def test_a_graph_must_fit_its_signature(binary_files: Files, change: dict[str, Any], says: str) -> None:
    right: dict[str, Any] = {"task": "binary", "features": FEATURES, "label": "x", "classes": ("late", "on time")}
    files = packed(Signature(**{**right, **change}), {"model.onnx": binary_files.files["model.onnx"]})
    with pytest.raises(Corrupt, match=says):
        load(files.files, files.digest)


def test_a_regression_is_no_classifier(regression_files: Files) -> None:
    signature = Signature(task="binary", features=FEATURES, label="x", classes=("a", "b"))
    files = packed(signature, {"model.onnx": regression_files.files["model.onnx"]})
    with pytest.raises(Corrupt, match="a classifier answers"):
        load(files.files, files.digest)


def test_what_is_no_onnx_is_corrupt() -> None:
    signature = Signature(task="binary", features=FEATURES, label="x", classes=("a", "b"))
    for data in (b"", b"\x80\x04pickle", b":\x00"):
        files = packed(signature, {"model.onnx": data})
        with pytest.raises(Corrupt, match=r"model\.onnx"):
            load(files.files, files.digest)


@pytest.mark.parametrize(
    ("classes", "labels", "texts"),
    [
        (("0", "1"), [1, 0], ["1", "0"]),
        (("False", "True"), [1, 0], ["True", "False"]),
        (("1.0", "2.0"), [2, 1], ["2.0", "1.0"]),
        (("no", "yes"), [1, 0], ["yes", "no"]),
        (("no", "yes"), ["yes", "no"], ["yes", "no"]),
        (("10", "007"), [7, 10], ["007", "10"]),
    ],
)
def test_the_text_of_a_label(classes: tuple[str, ...], labels: list[Any], texts: list[str]) -> None:
    signature = Signature(task="binary", features=FEATURES, label="x", classes=classes)
    assert models._Classes(signature).texts(labels) == texts


def test_a_label_that_is_no_class_is_not_passed_on() -> None:
    signature = Signature(task="binary", features=FEATURES, label="x", classes=("no", "yes"))
    with pytest.raises(Corrupt, match="none of its classes"):
        models._Classes(signature).texts(["maybe"])


_UNPICKLED: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "pickle.find_class":
        _UNPICKLED.append(str(arguments))


def test_nothing_is_unpickled_on_the_way(binary_files: Files) -> None:
    import pickle

    sys.addaudithook(_watch)
    model = load(binary_files.files, binary_files.digest)
    model.predict({k: [v] for k, v in ROW.items()})
    assert _UNPICKLED == []
    pickle.loads(pickle.dumps(len))  # the watch works
    assert len(_UNPICKLED) == 1
