"""A compiled model in the place of the graph: pinned, verified, the same answers, nothing heavy in the process."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.serving import endpoints
from tests.serving.endpoints import FEATURES, ROW, Client, Files, packed
from toolkit.domain import codec
from toolkit.domain.errors import Corrupt, NewerFormat, ToolkitError
from toolkit.domain.records import ModelManifest, Signature
from toolkit.models.compile import compiled
from toolkit.serving import compiled as reader
from toolkit.serving import engine
from toolkit.serving.app import create_app
from toolkit.serving.compiled import Compiled, Program
from toolkit.serving.model import Model, load

REPOSITORY = Path(__file__).parents[2]


def without_graph(files: Files) -> Files:
    """The same model with its compiled form in the graph's place."""
    signature = codec.decode(files.files["manifest.json"], ModelManifest).signature
    program, _ = compiled(files.files["model.onnx"], signature)
    return packed(signature, {"compiled": program}, files.pipeline, files.frame)


@pytest.fixture(scope="module")
def tables() -> Files:
    return without_graph(endpoints.binary_files())


@pytest.fixture(scope="module")
def model(tables: Files) -> Model:
    return load(tables.files, tables.digest)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_answers_are_those_of_the_graph(kind: str) -> None:
    files: Files = getattr(endpoints, f"{kind}_files")()
    other = without_graph(files)
    graph, tables = load(files.files, files.digest), load(other.files, other.digest)
    columns = [files.frame[f.name].tolist() for f in FEATURES]
    expected, got = graph.answer(columns, len(files.frame)), tables.answer(columns, len(files.frame))
    assert got.labels == expected.labels
    assert got.classes == expected.classes
    np.testing.assert_allclose(got.probabilities, expected.probabilities, atol=1e-6)
    np.testing.assert_allclose(got.values, expected.values, rtol=1e-5)
    assert isinstance(tables._row.__self__, Compiled)  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [None, float("nan"), 1e300, -1e300, 10**400, -(10**400), 3, True, 0.1])
def test_any_number_is_taken(value: float, model: Model, binary: Model) -> None:
    row = (value, 500, None, None, "JFK", 15887.5, 15887.0)
    if isinstance(value, int) and abs(value) > 2**1000:
        assert model.answer_row(row) == model.answer_row((1e300 if value > 0 else -1e300, *row[1:]))
        return
    expected, got = binary.answer_row(row), model.answer_row(row)
    assert got.labels == expected.labels
    np.testing.assert_allclose(got.probabilities, expected.probabilities, atol=1e-6)


def test_a_thousand_calls_and_one_load(tables: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []
    read = engine.opened

    def counted(files: dict[str, bytes], signature: Signature) -> engine.Engine:
        loads.append("load")
        return read(files, signature)

    monkeypatch.setattr(engine, "opened", counted)
    client = Client(create_app(load(tables.files, tables.digest)))
    answers = {
        msgspec.json.encode(client.post("/predict", ROW).json()["predictions"][0]["probabilities"]) for _ in range(1000)
    }
    assert len(answers) == 1
    assert loads == ["load"]


def test_the_graph_is_preferred_where_it_can_run(tables: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = endpoints.binary_files().files["model.onnx"]
    signature = codec.decode(tables.files["manifest.json"], ModelManifest).signature
    both = {"model.onnx": graph, "compiled": tables.files["compiled"], "card": b""}
    files = dict(both)
    assert isinstance(engine.opened(files, signature), engine.Graph)
    assert files == {"card": b""}
    monkeypatch.setattr(engine, "find_spec", lambda name: None)  # a process without onnxruntime
    assert isinstance(engine.opened(dict(both), signature), Compiled)


def test_one_flipped_bit_is_refused(tables: Files) -> None:
    data = bytearray(tables.files["compiled"])
    for position in np.linspace(0, len(data) - 1, 50, dtype=int):
        data[position] ^= 1
        with pytest.raises(Corrupt, match="compiled has the digest"):
            load({**tables.files, "compiled": bytes(data)}, tables.digest)
        data[position] ^= 1


def test_bytes_that_nobody_signed_are_read_or_refused_and_nothing_else(tables: Files) -> None:
    """The reader alone, behind no digest: 1,000 mutations end in Corrupt or in a model that answers."""
    signature = codec.decode(tables.files["manifest.json"], ModelManifest).signature
    chance = random.Random(0)
    row = (12.5, 500, True, "AA", "JFK", 15887.5, 15887.0)
    refused = 0
    for _ in range(1000):
        data = bytearray(tables.files["compiled"])
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            found = reader.read(bytes(data), signature)
        except ToolkitError:
            refused += 1
            continue
        # a constant of another type: the application answers 500 and lives
        with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError, OverflowError):
            found.row(row)
    assert refused > 250


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"inputs": ("delay",)}, "inputs of its signature"),
        ({"label": None}, "does not answer a binary"),
        ({"scores": (0,)}, "does not answer a binary"),
        ({"scores": (0, 10**6)}, "outside of what it computes"),
        ({"scores": (-1, 0)}, "outside of what it computes"),
        ({"steps": (("exec", "import os"),)}, "step 0"),
    ],
)
def test_a_program_of_another_model_is_refused(tables: Files, change: dict[str, object], says: str) -> None:
    signature = codec.decode(tables.files["manifest.json"], ModelManifest).signature
    program = msgspec.msgpack.decode(tables.files["compiled"], type=Program)
    with pytest.raises(Corrupt, match=says):
        reader.read(reader.encode(msgspec.structs.replace(program, **change)), signature)


def test_a_newer_format_says_what_to_do(tables: Files) -> None:
    signature: Signature = codec.decode(tables.files["manifest.json"], ModelManifest).signature
    program = msgspec.msgpack.decode(tables.files["compiled"], type=Program)
    with pytest.raises(NewerFormat) as error:
        reader.read(reader.encode(msgspec.structs.replace(program, format=2)), signature)
    assert "pip install" in error.value.hint
    assert isinstance(error.value, ToolkitError)


@pytest.mark.slow
def test_capture_validation_and_counting_need_no_numpy(tables: Files, tmp_path: Path) -> None:
    """The whole endpoint in a process where numpy and onnxruntime cannot be imported."""
    baseline = endpoints.baseline().to_bytes()
    signature = codec.decode(tables.files["manifest.json"], ModelManifest).signature
    files = packed(signature, {"compiled": tables.files["compiled"], "profile": baseline})
    (tmp_path / "model").mkdir()
    for name, data in files.files.items():
        (tmp_path / "model" / name).write_bytes(data)
    code = f"""
import asyncio, json, os, sys
for name in ("numpy", "onnxruntime", "fastapi", "pydantic", "starlette"):
    sys.modules[name] = None
from pathlib import Path
from toolkit.entry import inference
app = inference.application(Path({str(tmp_path)!r}))
def ask(method, path, document):
    sent = []
    async def receive():
        return {{"type": "http.request", "body": json.dumps(document).encode(), "more_body": False}}
    async def send(message):
        sent.append(message)
    asyncio.run(app({{"type": "http", "method": method, "path": path, "headers": []}}, receive, send))
    return sent[0]["status"], sent[1]["body"]
row = {ROW!r}
status, body = ask("POST", "/predict", [row] * 30)
assert status == 200, body
found = json.loads(body)["predictions"]
assert ask("POST", "/feedback", {{"id": found[0]["id"], "label": "late"}})[0] == 200
assert ask("POST", "/predict", {{"delay": "x"}})[0] == 422
status, document = ask("GET", "/openapi.json", None)
assert status == 200 and "/predict" in json.loads(document)["paths"], document
assert ask("GET", "/docs", None)[0] == 501
text = ask("GET", "/metrics", None)[1].decode()
assert "toolkit_capture_rows_total 30" in text, text
"""
    runtime = {
        "project": "flights", "target": "dev", "endpoint": "flights", "model": "flights", "model_version": 3,
        "model_digest": files.digest, "values": {"capture": {"wait": 5.0}, "auth": {"mode": "public"}},
        "ports": {"store": {"provider": "local", "settings": {"store": str(tmp_path / "store")}}},
    }  # fmt: skip
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(REPOSITORY),
        "TOOLKIT_RUNTIME": msgspec.json.encode(runtime).decode(),
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    from toolkit.adapters.local.store import open_store
    from toolkit.quality.baseline import from_bytes
    from toolkit.quality.profile import decode

    kept = open_store({"store": str(tmp_path / "store")})
    profiles = [decode(kept.get(m.key).data, from_bytes(baseline)) for m in kept.list("profiles/")]
    assert sum(profile.rows for profile in profiles) == 30
