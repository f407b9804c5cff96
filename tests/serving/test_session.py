"""The session is opened from ONNX bytes only and asked without the wrapper where that can be. (Its fit: test_model.)"""

from __future__ import annotations

from typing import Any

import onnxruntime
import pytest

from tests.serving.endpoints import Files
from toolkit.domain.errors import Corrupt, MissingExtra
from toolkit.serving import session


def test_onnxruntimes_own_format_is_not_opened(binary_files: Files, tmp_path: Any) -> None:
    """Even if the walk before it had not refused it."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(binary_files.files["model.onnx"], options, providers=["CPUExecutionProvider"])
    with pytest.raises(Corrupt, match=r"model\.onnx cannot be loaded"):
        session.opened((tmp_path / "model.ort").read_bytes())


def test_without_onnxruntime_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingExtra) as error:
        session.opened(b"")
    assert error.value.hint == "pip install 'driftloop[onnx]'"


def test_the_binding_is_asked_directly_where_there_is_one(binary_files: Files) -> None:
    opened = session.opened(binary_files.files["model.onnx"])
    assert session.unchecked(opened) == opened._sess.run

    class Other:
        def run(self) -> None: ...

    other = Other()
    assert session.unchecked(other) == other.run
