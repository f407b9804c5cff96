"""One prediction: our application beside FastAPI with pydantic and onnxruntime, as people write it, in one run.

Same model (HistGradientBoosting, 100 trees, 30 features), same uvicorn, one worker, one client on loopback. Ours has
validation, capture, metrics and ids on; theirs has validation. Requests to the two alternate in blocks, so that a noisy
machine is noisy for all. Needs uvicorn; with httptools and uvloop installed it uses them, without them its own share of
a request is several times that of either application.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import Report

FEATURES = 30
BLOCKS = 12
CONTAINER = ("--http", "toolkit.serving.connection:Connection", "--no-proxy-headers")  # as `serve.py` of an image
REQUESTS = {1: 250, 100: 60}

PEER = """
import os
import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel

options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(os.environ["PEER_MODEL"], options)
application = FastAPI()


class Record(BaseModel):
    {fields}


class Body(BaseModel):
    records: list[Record]


@application.post("/predict")
async def predict(body: Body) -> dict:
    rows = np.array([list(dict(record).values()) for record in body.records], dtype=np.float32)
    labels, probabilities = session.run(None, {{"x": rows}})
    return {{
        "predictions": [
            {{"label": str(label), "probabilities": dict(zip(("0", "1"), shares))}}
            for label, shares in zip(labels.tolist(), probabilities.tolist())
        ]
    }}
"""
NOTHING = """
async def application(scope, receive, send):
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})
"""
OURS = "from toolkit.entry import inference\napplication = inference.application()\n"


def main(argv: list[str]) -> None:
    report = Report("One prediction request, 30 features, gradient boosted trees (p50 of interleaved blocks)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digest, rows = _models(folder)
        environment = _environment(folder, digest)
        bodies = {n: json.dumps({"records": rows[:n]}).encode() for n in REQUESTS}
        _in_process(report, folder, environment, bodies[1])
        _in_lambda(report, folder, bodies[1])
        _over_uvicorn(report, folder, environment, bodies)
    report.show(argv)


def _models(folder: Path) -> tuple[str, list[dict[str, float]]]:
    """Write both spellings of one model and return (digest of ours, 100 rows)."""
    import joblib
    import numpy as np
    import pandas as pd
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import HistGradientBoostingClassifier

    from toolkit.domain import codec
    from toolkit.domain import digest as digests
    from toolkit.domain.records import Feature, ModelManifest, Signature, Split
    from toolkit.models.export import to_onnx
    from toolkit.quality.baseline import build_baseline

    x, y = load_breast_cancer(return_X_y=True)
    x = x.astype(np.float32)
    names = [f"x{i}" for i in range(FEATURES)]
    frame = pd.DataFrame(x, columns=names)
    trees = HistGradientBoostingClassifier(max_iter=100, random_state=0)
    features = tuple(Feature(name=name, dtype="float64") for name in names)
    trees = trees.fit(frame, y)
    ours = to_onnx(trees, features, ("0", "1"))
    matrix = [("x", FloatTensorType([None, FEATURES]))]
    theirs = skl2onnx.to_onnx(trees, initial_types=matrix, options={id(trees): {"zipmap": False}}).SerializeToString()
    signature = Signature(task="binary", features=features, label="y", classes=("0", "1"), label_dtype="int64")
    scores = trees.predict_proba(frame)[:, 1]
    columns = {name: frame[name].tolist() for name in names}
    baseline = build_baseline(columns, features, scores.tolist(), [str(v) for v in y], "binary", ("0", "1"))
    files = {"model.onnx": ours, "profile": baseline.to_bytes()}
    manifest = codec.encode(
        ModelManifest(
            model="bench", signature=signature, files={n: digests.of_bytes(d) for n, d in files.items()},
            sizes={n: len(d) for n, d in files.items()}, metrics={}, dataset="bench", dataset_version="0", code="0",
            split=Split(),
        )
    )  # fmt: skip
    (folder / "model").mkdir()
    for name, data in {"manifest.json": manifest, **files}.items():
        (folder / "model" / name).write_bytes(data)
    (folder / "peer.onnx").write_bytes(theirs)
    joblib.dump(trees, folder / "model.joblib")
    (folder / "ours.py").write_text(OURS)
    (folder / "nothing.py").write_text(NOTHING)
    (folder / "peer.py").write_text(PEER.format(fields="\n    ".join(f"{name}: float" for name in names)))
    return digests.of_bytes(manifest), [dict(zip(names, row, strict=True)) for row in x[:100].astype(float).tolist()]


def _environment(folder: Path, digest: str) -> dict[str, str]:
    store = {"provider": "local", "settings": {"store": str(folder / "store")}}
    runtime = {
        "project": "bench", "target": "dev", "endpoint": "bench", "model": "bench", "model_version": 1,
        "model_digest": digest, "ports": {"store": store}, "values": {"auth": {"mode": "public"}},
    }  # fmt: skip
    checkout = str(Path(__file__).parents[1])
    return {
        "TOOLKIT_RUNTIME": json.dumps(runtime),
        "LAMBDA_TASK_ROOT": str(folder),
        "PEER_MODEL": str(folder / "peer.onnx"),
        "PYTHONPATH": os.pathsep.join([str(folder), checkout]),
        "PYTHONUNBUFFERED": "1",
    }


def _in_process(report: Report, folder: Path, environment: dict[str, str], body: bytes) -> None:
    """The ASGI application called directly: what the application itself costs, without sockets."""
    os.environ.update(environment)
    sys.path.insert(0, str(folder))
    ours, peer = importlib.import_module("ours"), importlib.import_module("peer")
    apps = {"ours, in process": ours.application, "FastAPI + pydantic, in process": peer.application}
    row = ours.application.validator.batch(body).row

    async def predict() -> None:
        ours.application.model.answer_row(row)

    calls = {name: _caller(app, body) for name, app in apps.items()}
    found = asyncio.run(_blocks({**calls, "our model alone, in process": predict}, REQUESTS[1]))
    for name, seconds in found.items():
        report.add(f"{name}, 1 row", seconds * 1e3, "ms")
    mine, theirs, _ = found.values()
    report.ratio("fastapi_over_ours_in_process_1_row", theirs / mine)


def _in_lambda(report: Report, folder: Path, body: bytes) -> None:
    """What Mangum and the application add, a call, to a handler that only reads, predicts and writes JSON."""
    import numpy as np
    import onnxruntime as ort
    from mangum import Mangum

    application = importlib.import_module("ours").application
    application.batching = None  # as in a function
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession((folder / "model" / "model.onnx").read_bytes(), options)
    names = [found.name for found in session.get_inputs()]
    http = {"method": "POST", "path": "/predict", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}
    event = {
        "version": "2.0", "routeKey": "$default", "rawPath": "/predict", "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost", "content-length": str(len(body))},
        "requestContext": {"http": http, "stage": "$default", "requestId": "1", "domainName": "localhost"},
        "body": body.decode(), "isBase64Encoded": False,
    }  # fmt: skip

    def bare(event: dict[str, Any], context: object) -> dict[str, Any]:
        row = json.loads(event["body"])["records"][0]
        found = session.run(None, {name: np.array([[row[name]]], dtype=np.float32) for name in names})
        return {"statusCode": 200, "body": json.dumps({"label": found[0].tolist(), "p": found[1].tolist()})}

    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    handlers = {"bare handler": bare, "Mangum + ours": Mangum(application, lifespan="off")}
    handlers["Mangum alone"] = Mangum(nothing, lifespan="off")
    handlers["ours alone"] = _without_mangum(application, body)
    times: dict[str, list[float]] = {name: [] for name in handlers}
    for block in range(BLOCKS):
        for name, handler in handlers.items():
            for _ in range(REQUESTS[1]):
                started = time.perf_counter()
                answer = handler(event, None)
                if block:
                    times[name].append(time.perf_counter() - started)
            assert answer["statusCode"] == 200, answer
    found = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in found.items():
        report.add(f"{name}, in a function, 1 row", seconds * 1e3, "ms")
    report.add("ours over a bare handler, a call", (found["Mangum + ours"] - found["bare handler"]) * 1e3, "ms")
    report.ratio("lambda_ours_over_bare", found["Mangum + ours"] / found["bare handler"])


def _without_mangum(app: Any, body: bytes) -> Callable[..., dict[str, int]]:
    """The application driven by hand: it never waits for anything but its body, which is there."""
    call = _caller(app, body)

    def handler(event: Any, context: Any) -> dict[str, int]:
        try:
            call().__await__().send(None)
        except StopIteration:
            return {"statusCode": 200}
        raise RuntimeError("the application waits")

    return handler


def _caller(app: Any, body: bytes) -> Callable[[], Awaitable[None]]:
    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/predict", "raw_path": b"/predict", "query_string": b"", "root_path": "", "headers": headers,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    async def call() -> None:
        await app(dict(scope), receive, send)

    return call


async def _blocks(calls: dict[str, Callable[[], Awaitable[None]]], requests: int) -> dict[str, float]:
    """Median seconds of a call of each, in alternating blocks; the first block is warm-up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for block in range(BLOCKS):
        for name, call in calls.items():
            for _ in range(requests):
                started = time.perf_counter()
                await call()
                if block:
                    times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in times.items()}


def _over_uvicorn(report: Report, folder: Path, environment: dict[str, str], bodies: dict[int, bytes]) -> None:
    modules = {
        "ours": "ours",
        "ours, any uvicorn": "ours",
        "FastAPI + pydantic": "peer",
        "an application that does nothing": "nothing",
    }
    servers = {
        name: Server(module, folder, environment, CONTAINER * (name == "ours")) for name, module in modules.items()
    }
    try:
        for server in servers.values():
            server.connect()
        for rows, body in bodies.items():
            calls = {name: server.caller(body) for name, server in servers.items()}
            found = asyncio.run(_blocks(calls, REQUESTS[rows]))
            for name, seconds in found.items():
                report.add(f"{name}, uvicorn, {rows} row{'s' if rows > 1 else ''}", seconds * 1e3, "ms")
            report.ratio(f"fastapi_over_ours_uvicorn_{rows}_rows", found["FastAPI + pydantic"] / found["ours"])
    finally:
        for server in servers.values():
            server.stop()


class Server:
    """One uvicorn process and one kept-alive connection to it."""

    def __init__(self, module: str, folder: Path, environment: dict[str, str], flags: Sequence[str] = ()) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", f"{module}:application", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--log-level", "error", *flags]
        self.process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment})
        self.socket = socket.socket()

    def connect(self) -> None:
        until = time.monotonic() + 60
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", self.port))
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return
            except ConnectionError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def caller(self, body: bytes) -> Callable[[], Awaitable[None]]:
        lines = ["POST /predict HTTP/1.1", "host: x", "content-type: application/json", f"content-length: {len(body)}"]
        request = "\r\n".join([*lines, "", ""]).encode() + body

        async def call() -> None:
            self.socket.sendall(request)
            answer = self.socket.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer[:500]
            head, _, rest = answer.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            missing = length - len(rest)
            while missing > 0:
                missing -= len(self.socket.recv(65536))

        return call

    def stop(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(20)


if __name__ == "__main__":
    main(sys.argv[1:])
