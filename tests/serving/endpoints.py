"""Small real models: sklearn pipelines exported to ONNX with one input per feature, and manifests that pin them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from toolkit.domain import codec, digest, wire
from toolkit.domain.records import Feature, ModelManifest, Signature, Split
from toolkit.quality.baseline import Baseline, build_baseline

FEATURES = (
    Feature(name="delay", dtype="float64", minimum=-20.0, maximum=120.0),
    Feature(name="distance", dtype="int64", nullable=False),
    Feature(name="rain", dtype="bool"),
    Feature(name="carrier code", dtype="string", categories=("AA", "B6", "UA")),
    Feature(name="origin", dtype="string", nullable=False),
    Feature(name="hour", dtype="datetime"),
    Feature(name="day", dtype="date", nullable=False),
)
ROW: dict[str, Any] = {
    "delay": 12.5,
    "distance": 500,
    "rain": True,
    "carrier code": "AA",
    "origin": "JFK",
    "hour": "2013-07-01T12:00:00Z",
    "day": "2013-07-01",
}


class Files(NamedTuple):
    """What a bundle's `model/` folder holds, and the digest that pins it."""

    files: dict[str, bytes]
    digest: str
    pipeline: Any
    frame: pd.DataFrame


def frame(rows: int, seed: int = 0) -> pd.DataFrame:
    """Random rows of FEATURES as the model sees them."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "delay": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(10, 30, rows)).astype("float32"),
            "distance": rng.integers(100, 2500, rows).astype("float32"),
            "rain": rng.integers(0, 2, rows).astype("float32"),
            "carrier code": rng.choice(["AA", "B6", "UA", ""], rows),
            "origin": rng.choice(["JFK", "EWR", "LGA"], rows),
            "hour": rng.uniform(15_700, 16_000, rows).astype("float32"),
            "day": rng.integers(15_700, 16_000, rows).astype("float32"),
        }
    )


def manifest_of(signature: Signature, files: dict[str, bytes]) -> bytes:
    return codec.encode(
        ModelManifest(
            model="flights",
            signature=signature,
            files={name: digest.of_bytes(data) for name, data in files.items()},
            sizes={name: len(data) for name, data in files.items()},
            metrics={},
            dataset="flights",
            dataset_version="0",
            code="0",
            split=Split(),
        )
    )


def packed(signature: Signature, files: dict[str, bytes], pipeline: Any = None, data: Any = None) -> Files:
    manifest = manifest_of(signature, files)
    return Files({"manifest.json": manifest, **files}, digest.of_bytes(manifest), pipeline, data)


def _export(estimator: Any, target: Iterable[Any], data: pd.DataFrame) -> tuple[Any, bytes]:
    numbers = [f.name for f in FEATURES if wire.kind(f.dtype) == "number"]
    texts = [f.name for f in FEATURES if wire.kind(f.dtype) == "text"]
    pipeline = Pipeline(
        [
            (
                "prepare",
                ColumnTransformer(
                    [
                        ("numbers", Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())]), numbers),
                        ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
                    ]
                ),
            ),
            ("model", estimator),
        ]
    ).fit(data, target)
    kinds = {"number": FloatTensorType([None, 1]), "text": StringTensorType([None, 1])}
    inputs = [(f.name, kinds[wire.kind(f.dtype)]) for f in FEATURES]
    options = {id(pipeline): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    model = to_onnx(pipeline, initial_types=inputs, options=options, target_opset=18)
    return pipeline, _with_exact_names(model).SerializeToString()


def _with_exact_names(model: Any) -> Any:
    """The converter makes names into identifiers; an endpoint's inputs are named as its features are."""
    exact = {f.name.replace(" ", "_"): f.name for f in FEATURES}
    for value in model.graph.input:
        value.name = exact[value.name]
    for node in model.graph.node:
        node.input[:] = [exact.get(name, name) for name in node.input]
    return model


@cache
def binary_files() -> Files:
    data = frame(400)
    target = np.where((data.delay.fillna(0) > 10) ^ (data.origin == "JFK"), "late", "on time")
    pipeline, onnx = _export(LogisticRegression(max_iter=500), target, data)
    signature = Signature(task="binary", features=FEATURES, label="late", classes=tuple(map(str, pipeline.classes_)))
    return packed(signature, {"model.onnx": onnx, "card": b"# A card"}, pipeline, data)


@cache
def multiclass_files() -> Files:
    """Classes are whole numbers, which the graph answers as int64."""
    data = frame(400, seed=1)
    target = (data.distance // 900).astype(int) * 10
    pipeline, onnx = _export(LogisticRegression(max_iter=500), target, data)
    classes = tuple(str(c) for c in pipeline.classes_)
    signature = Signature(task="multiclass", features=FEATURES, label="band", classes=classes, label_dtype="int64")
    return packed(signature, {"model.onnx": onnx}, pipeline, data)


@cache
def regression_files() -> Files:
    data = frame(400, seed=2)
    pipeline, onnx = _export(Ridge(), data.distance / 8, data)
    signature = Signature(task="regression", features=FEATURES, label="minutes", label_dtype="float64")
    return packed(signature, {"model.onnx": onnx}, pipeline, data)


@cache
def baseline() -> Baseline:
    """Of the binary model, on the rows it was trained on."""
    files = binary_files()
    scores = files.pipeline.predict_proba(files.frame)[:, 1].tolist()
    columns = {f.name: files.frame[f.name].tolist() for f in FEATURES}
    labels = files.pipeline.predict(files.frame).tolist()
    return build_baseline(columns, FEATURES, scores, labels, "binary", ("late", "on time"))


@cache
def bundled_files() -> Files:
    """The binary model with its baseline beside it, as a bundle has them."""
    files = binary_files()
    manifest = codec.decode(files.files["manifest.json"], ModelManifest)
    return packed(manifest.signature, {"model.onnx": files.files["model.onnx"], "profile": baseline().to_bytes()})


@cache
def sampled_files() -> Files:
    """The binary model with rows to compare with, as a trained one has them: what /explain needs."""
    files = binary_files()
    manifest = codec.decode(files.files["manifest.json"], ModelManifest)
    rows = [ROW, {**ROW, "delay": None, "rain": False, "origin": "EWR"}, {**ROW, "distance": 1500, "hour": None}]
    return packed(manifest.signature, {"model.onnx": files.files["model.onnx"], "sample": msgspec.json.encode(rows)})


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.content)


class Client:
    """Speaks ASGI to an application, one request at a time, with no server in between."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def request(
        self,
        method: str,
        path: str,
        body: bytes | list[bytes] = b"",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        return asyncio.run(self._request(method, path, body if isinstance(body, list) else [body], headers or {}))

    def get(self, path: str) -> Reply:
        return self.request("GET", path)

    def post(self, path: str, document: Any, **headers: str) -> Reply:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.request("POST", path, msgspec.json.encode(document), {"content-type": "application/json", **names})

    async def _request(self, method: str, path: str, chunks: list[bytes], headers: dict[str, str]) -> Reply:
        pending = [
            {"type": "http.request", "body": chunk, "more_body": i + 1 < len(chunks)} for i, chunk in enumerate(chunks)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return pending.pop(0) if pending else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogateescape"),
            "query_string": b"",
            "root_path": "",
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await self.app(scope, receive, send)
        if not sent:
            return Reply(0, {}, b"")
        found = {k.decode(): v.decode("latin-1") for k, v in sent[0]["headers"]}
        content = b"".join(m.get("body", b"") for m in sent[1:])
        return Reply(sent[0]["status"], found, content)


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_372_680_000.0

    def __call__(self) -> float:
        return self.now
