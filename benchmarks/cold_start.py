"""From a worker's spawn to its first correct answer, through the real Lambda runtime client, side by side.

Ours is the bundle that `toolkit deploy` makes (validation, digest checks, capture on). Beside it: the floor (the
runtime client, numpy and onnxruntime with the same model, nothing else), and FastAPI + Mangum + onnxruntime as people
zip it (the wheels as they are, without bytecode). Variants take turns; the page cache is warm for all of them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from benchmarks.report import Report

ROUNDS = 7
FLOOR = """
import json, os
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "model", "model.onnx"), options)
names = [i.name for i in session.get_inputs()]
def handler(event, context):
    row = json.loads(event["body"])["records"][0]
    out = session.run(None, {n: np.array([[row[n]]], dtype=np.float32) for n in names})
    return {"statusCode": 200, "body": json.dumps({"p": out[1].tolist()})}
"""
USUAL = """
import os
import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel
session = ort.InferenceSession(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "model", "model.onnx"))
names = [i.name for i in session.get_inputs()]
app = FastAPI()
class Body(BaseModel):
    records: list[dict[str, float]]
@app.post("/predict")
def predict(body: Body):
    columns = {n: np.array([[r[n]] for r in body.records], dtype=np.float32) for n in names}
    return {"p": session.run(None, columns)[1].tolist()}
handler = Mangum(app)
"""


def main(argv: list[str]) -> None:
    report = Report(f"Cold start, spawn to first correct answer (median of {ROUNDS}, alternating)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        roots, environment, row = _variants(folder)
        times: dict[str, list[float]] = {name: [] for name in roots}
        for number in range(ROUNDS + 1):
            for variant, root in roots.items():
                seconds = _first_answer(folder, variant, root, environment, row)
                if number:
                    times[variant].append(seconds)
        found = {variant: statistics.median(values) for variant, values in times.items()}
        for variant, seconds in found.items():
            report.add(variant, seconds * 1000, "ms")
        report.ratio("ours_over_floor", found["ours"] / found["floor: numpy + onnxruntime"])
        report.ratio("usual_over_ours", found["usual: FastAPI + Mangum + onnxruntime"] / found["ours"])
        report.add("our zip", roots["ours"].with_suffix(".zip").stat().st_size / 1e6, "MB")
    report.show(argv)


def _variants(folder: Path) -> tuple[dict[str, Path], dict[str, str], dict[str, float]]:
    """Unpacked bundles by name, the environment of ours, and a row to ask with."""
    import msgspec

    from toolkit.bootstrap import open_context
    from toolkit.domain.specs import FunctionSpec
    from toolkit.lifecycle import deploy, promote, train

    _project(folder)
    ctx = open_context(folder)
    promote.run(ctx, train.run(ctx).version)
    plan = deploy.plan(ctx)
    zipped = next(Path(a.payload["path"]) for a in plan.actions if a.kind == "bundle" and "inference" in a.why)
    spec = next(a.payload for a in plan.actions if a.kind == "function" and a.name.endswith("inference"))
    roots = {"ours": folder / "ours"}
    roots["ours"].with_suffix(".zip").write_bytes(zipped.read_bytes())
    with zipfile.ZipFile(zipped) as archive:
        archive.extractall(roots["ours"])
    model = (roots["ours"] / "model" / "model.onnx").read_bytes()
    sample = json.loads((roots["ours"] / "model" / "sample").read_bytes())[0]
    roots["floor: numpy + onnxruntime"] = _peer(folder / "floor", FLOOR, ["numpy", "onnxruntime"], model, bytecode=True)
    roots["usual: FastAPI + Mangum + onnxruntime"] = _peer(
        folder / "usual", USUAL, ["fastapi", "mangum", "numpy", "onnxruntime"], model, bytecode=False
    )
    return roots, msgspec.convert(spec, FunctionSpec).environment, sample


def _project(folder: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    frame.columns = [name.replace(" ", "_") for name in frame.columns]
    frame.to_csv(folder / "rows.csv", index=False)
    (folder / "toolkit.toml").write_text('[project]\nname = "cold"\n[data]\nsource = "rows.csv"\nlabel = "target"\n')
    (folder / "train.py").write_text(
        "from sklearn.ensemble import HistGradientBoostingClassifier\n"
        "def train(data, params):\n    return HistGradientBoostingClassifier(random_state=0).fit(data.X, data.y)\n"
    )


def _peer(root: Path, code: str, packages: list[str], model: bytes, *, bytecode: bool) -> Path:
    """The same wheels, in the versions of this environment, in a folder of their own."""
    from importlib import metadata

    from uv import find_uv_bin

    pinned = [f"{name}=={metadata.version(name)}" for name in packages]
    command = [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(root), *pinned]
    subprocess.run([*command, *(["--compile-bytecode"] if bytecode else [])], check=True)
    (root / "model").mkdir()
    (root / "model" / "model.onnx").write_bytes(model)
    (root / "app.py").write_text(code)
    return root


def _first_answer(folder: Path, variant: str, root: Path, environment: dict[str, str], row: dict[str, Any]) -> float:
    from toolkit.execution.aws_lambda import Deployment, Pool
    from toolkit.execution.aws_lambda.log import FunctionLog

    deployment = Deployment("cold", "1", root, memory_mb=1024, environment=environment)
    log = FunctionLog(folder / f"{variant[:5]}.jsonl")
    pool = Pool(deployment, workers=folder / "workers", runtime=folder / "runtime", log=log)
    try:
        started = time.perf_counter()
        outcome = pool.call(json.dumps(_event({"records": [row]})).encode())
        seconds = time.perf_counter() - started
    finally:
        pool.close(5.0)
    answer = json.loads(outcome.payload)
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"{variant}: {outcome.payload[:500]!r}")
    return seconds


def _event(body: dict[str, Any]) -> dict[str, Any]:
    """An API Gateway v2 request, as a function URL sends it."""
    http = {"method": "POST", "path": "/predict", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "bench"}
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": "/predict", "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost"},
        "requestContext": {"http": http, "stage": "$default", "requestId": "1", "domainName": "localhost"},
        "body": json.dumps(body), "isBase64Encoded": False,
    }  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1:])
