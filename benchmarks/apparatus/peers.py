"""The servers: ours as its container runs it, FastAPI as people write it, `mlflow models serve`, BentoML, MLServer.

Each has one worker. The last three are in environments of their own with the scikit-learn of the model.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.apparatus import environments, model
from benchmarks.apparatus.environments import Missing
from benchmarks.apparatus.model import Rows
from benchmarks.apparatus.servers import Server, Way, free_port, post

SERVE = Path(__file__).parents[2] / "functions" / "inference" / "serve.py"
PINNED = {
    "mlflow": ("mlflow==3.17.2",),
    "bentoml": ("bentoml==1.4.39",),
    "mlserver": ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop<0.22"),
}
HERE = ("fastapi_sklearn", "fastapi_onnxruntime")  # in our own environment
TENSOR = "inference-header-content-length"

OURS = "from toolkit.entry import inference\napplication = inference.application()\n"
MLFLOW = """
import sys
import joblib, mlflow.sklearn
mlflow.sklearn.save_model(joblib.load(sys.argv[1]), sys.argv[2], serialization_format="cloudpickle")
"""
BENTO = """
import os
import bentoml
import joblib
import numpy as np

@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Bench:
    def __init__(self):
        self.model = joblib.load(os.environ["PEER_JOBLIB"])

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[float]:
        return self.model.predict_proba(np.asarray(rows))[:, 1].tolist()
"""
SKLEARN = """
import os
import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["PEER_JOBLIB"])
application = FastAPI()

class Body(BaseModel):
    rows: list[list[float]]

@application.post("/predict")
async def predict(body: Body) -> list[float]:
    return model.predict_proba(np.asarray(body.rows))[:, 1].tolist()
"""
ONNX = """
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


def title(name: str) -> str:
    """A peer with the versions that matter."""
    if name in PINNED:
        package, _, version = PINNED[name][0].partition("==")
        return f"{package} {version}"
    with_what = {"fastapi_sklearn": "scikit-learn", "fastapi_onnxruntime": "onnxruntime"}[name]
    return f"FastAPI {metadata.version('fastapi')} + {with_what} {metadata.version(with_what)}"


def ours(folder: Path, environment: dict[str, str]) -> Server:
    (folder / "app.py").write_text(OURS)
    (folder / "serve.py").write_bytes(SERVE.read_bytes())

    def container(port: int) -> list[str]:
        return ["env", f"PORT={port}", "TOOLKIT_BIND=127.0.0.1", sys.executable, "serve.py"]

    return Server("ours", container, folder, environment)


def our_ways(server: Server) -> list[Way]:
    """Every body we take, as JSON and in binary."""
    wanted, tensors = b'"predictions"', "/v2/models/bench/infer"
    return [
        Way("ours", server, lambda rows: post("/predict", model.records(rows)), wanted),
        Way("ours, columns", server, lambda rows: post("/predict", model.columns(rows)), wanted),
        Way("ours, V2 tensors in JSON", server, lambda rows: post(tensors, _tensors(rows)[0]), b'"probabilities"'),
        Way("ours, raw V2 tensors", server, lambda rows: _raw(tensors, rows), b'"probabilities"'),
    ]


def peer(name: str, folder: Path, environment: dict[str, str]) -> Way:
    """Missing where its environment cannot be had."""
    makers: dict[str, Callable[[Path, dict[str, str]], Way]] = {
        "fastapi_sklearn": _fastapi_sklearn, "fastapi_onnxruntime": _fastapi_onnxruntime,
        "mlflow": _mlflow, "bentoml": _bentoml, "mlserver": _mlserver,
    }  # fmt: skip
    return makers[name](folder, environment)


def uvicorn(name: str, module: str, folder: Path, environment: dict[str, str], *more: str) -> Server:
    flags = ("--log-level", "error", "--no-access-log", "--host", "127.0.0.1", *more)
    start = [sys.executable, "-m", "uvicorn", f"{module}:application", *flags, "--port"]
    return Server(name, lambda port: [*start, str(port)], folder, environment)


def _fastapi_sklearn(folder: Path, environment: dict[str, str]) -> Way:
    (folder / "with_sklearn.py").write_text(SKLEARN)
    server = uvicorn("fastapi_sklearn", "with_sklearn", folder, environment)
    return Way(server.name, server, lambda rows: post("/predict", {"rows": rows}), b"[")


def _fastapi_onnxruntime(folder: Path, environment: dict[str, str]) -> Way:
    (folder / "with_onnx.py").write_text(ONNX.format(fields="\n    ".join(f"{name}: float" for name in model.NAMES)))
    server = uvicorn("fastapi_onnxruntime", "with_onnx", folder, environment)
    return Way(server.name, server, lambda rows: post("/predict", model.records(rows)), b'"predictions"')


def _mlflow(folder: Path, environment: dict[str, str]) -> Way:
    home = _home("mlflow")
    given = [str(home / "bin" / "python"), "-c", MLFLOW, str(folder / "model.joblib"), str(folder / "mlflow")]
    done = subprocess.run(given, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise Missing(f"mlflow cannot save the model: {done.stderr[-250:]}")
    run = [str(home / "bin" / "mlflow"), "models", "serve", "-m", str(folder / "mlflow"), "--env-manager", "local"]
    path = {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"}  # it starts uvicorn by its name
    server = Server(
        "mlflow", lambda port: [*run, "-h", "127.0.0.1", "-p", str(port)], folder, _alone(folder, environment) | path
    )
    return Way("mlflow", server, lambda rows: post("/invocations", {"inputs": rows}), b"predictions")


def _bentoml(folder: Path, environment: dict[str, str]) -> Way:
    home = _home("bentoml")
    (folder / "service.py").write_text(BENTO)
    run = [str(home / "bin" / "bentoml"), "serve", "service:Bench", "--host", "127.0.0.1", "--port"]
    server = Server("bentoml", lambda port: [*run, str(port)], folder, _alone(folder, environment))
    return Way("bentoml", server, lambda rows: post("/predict", {"rows": rows}), b"[")


def _mlserver(folder: Path, environment: dict[str, str]) -> Way:
    home = _home("mlserver")

    def command(port: int) -> list[str]:
        place = folder / f"mlserver-{port}"
        place.mkdir()
        ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
        quiet = {"debug": False, "parallel_workers": 0, "host": "127.0.0.1"}
        (place / "settings.json").write_text(json.dumps({**quiet, **ports}))
        uri = {"uri": str(folder / "model.joblib")}
        served = {"name": "bench", "implementation": "mlserver_sklearn.SKLearnModel", "parameters": uri}
        (place / "model-settings.json").write_text(json.dumps(served))
        return [str(home / "bin" / "mlserver"), "start", str(place)]

    def request(rows: Rows) -> bytes:
        flat = [value for row in rows for value in row]
        tensor = {"name": "predict", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": flat}
        return post("/v2/models/bench/infer", {"inputs": [tensor], "outputs": [{"name": "predict_proba"}]})

    return Way("mlserver", Server("mlserver", command, folder, _alone(folder, environment)), request, b"outputs")


def _home(name: str) -> Path:
    """The environment of a peer, for these versions and this model's scikit-learn."""
    pinned = [f"{package}=={metadata.version(package)}" for package in ("scikit-learn", "joblib")]
    return environments.home(name, [*PINNED[name], *pinned])


def _alone(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """They see nothing of this checkout, and tell nobody."""
    quiet = {"BENTOML_DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "1"}
    return {**environment, **quiet, "PYTHONPATH": str(folder)}


def _tensors(rows: Rows) -> tuple[dict[str, Any], list[list[float]]]:
    """The JSON of an `infer` request, one input a feature; and its columns."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    inputs = [
        {"name": name, "shape": [len(rows)], "datatype": "FP64", "data": column}
        for name, column in zip(model.NAMES, columns, strict=True)
    ]
    return {"inputs": inputs, "outputs": [{"name": "probabilities"}]}, columns


def _raw(path: str, rows: Rows) -> bytes:
    import numpy as np

    document, columns = _tensors(rows)
    parts = [np.asarray(column, dtype="<f4").tobytes() for column in columns]
    for tensor, part in zip(document["inputs"], parts, strict=True):
        del tensor["data"]
        tensor |= {"datatype": "FP32", "parameters": {"binary_data_size": len(part)}}
    document["parameters"] = {"binary_data_output": True}
    head = json.dumps(document).encode()
    return post(path, b"".join([head, *parts]), {"content-type": "application/octet-stream", TENSOR: str(len(head))})
