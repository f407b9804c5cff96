"""From a worker's spawn to its first correct answer, through the real Lambda runtime client, side by side in one run.

Ours are the two bundles that `toolkit deploy` makes of one model (digests checked, validation, metrics and capture on,
behind Mangum): with onnxruntime, and compiled. Beside each its floor, the same model with nothing around it
(`packaging.measure`), and FastAPI + Mangum + onnxruntime as people zip it: the wheels as they are, without bytecode.
Variants take turns, the page cache is warm for all, every answer is compared. Wall clock is what a user waits; CPU says
the same with less noise. Below that: what a row costs in either runtime, and at how many rows they cross.

Whole servers of others (`benchmarks.peers`, where it is there) join with `cold_start(folder) -> name -> seconds`.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import Report, interleaved

ROUNDS = 9
ONNX, COMPILED = "ours, onnxruntime", "ours, compiled"
FLOOR_ONNX, FLOOR_COMPILED = "floor: numpy + onnxruntime", "floor: the model's tables alone"
USUAL = "usual: FastAPI + Mangum + onnxruntime"
BATCHES = (1, 5, 20, 100, 1000)
USUAL_CODE = """
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
        bundles, environment = _bundles(folder)
        starts = _starts(folder, bundles, environment)
        for variant, found in starts.items():
            report.add(variant, statistics.median(found["wall"]) * 1000, "ms")
        for variant, found in starts.items():
            report.add(f"{variant}, CPU", statistics.median(found["cpu"]) * 1000, "ms")
        for variant, path in bundles.items():
            report.add(f"{variant}, zip", path.stat().st_size / 1e6, "MB")
        _ratios(report, starts, _peers(report, folder))
        _crossover(report, folder)
    report.show(argv)


def _ratios(report: Report, starts: dict[str, Any], peers: dict[str, float]) -> None:
    wall = {variant: statistics.median(found["wall"]) for variant, found in starts.items()}
    cpu = {variant: statistics.median(found["cpu"]) for variant, found in starts.items()}
    report.ratio("ours_over_floor", wall[ONNX] / wall[FLOOR_ONNX])
    report.ratio("compiled_over_floor", wall[COMPILED] / wall[FLOOR_COMPILED])
    report.ratio("ours_over_floor_cpu", cpu[ONNX] / cpu[FLOOR_ONNX])
    report.ratio("compiled_over_floor_cpu", cpu[COMPILED] / cpu[FLOOR_COMPILED])
    report.ratio("usual_over_ours", wall[USUAL] / wall[ONNX])
    report.ratio("usual_over_compiled", wall[USUAL] / wall[COMPILED])
    report.ratio("ours_over_compiled", wall[ONNX] / wall[COMPILED])
    for name, seconds in peers.items():
        report.ratio(f"{name}_over_ours", seconds / wall[ONNX])
        report.ratio(f"{name}_over_compiled", seconds / wall[COMPILED])


def _peers(report: Report, folder: Path) -> dict[str, float]:
    if importlib.util.find_spec("benchmarks.peers") is None:
        return {}
    measured: Callable[[Path], dict[str, float]] | None
    measured = getattr(importlib.import_module("benchmarks.peers"), "cold_start", None)
    found = measured(folder) if measured else {}
    for name, seconds in found.items():
        report.add(name, seconds * 1000, "ms")
    return found


def _bundles(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """The two zips of one model, and the environment of their function."""
    import msgspec

    from toolkit.bootstrap import open_context
    from toolkit.domain.specs import FunctionSpec
    from toolkit.lifecycle import deploy, promote, train

    _project(folder)
    ctx = open_context(folder)
    promote.run(ctx, train.run(ctx).version)
    found, environment = {}, {}
    for variant, runtime in ((ONNX, "onnxruntime"), (COMPILED, "compiled")):
        plan = deploy.plan(open_context(folder, overrides=[f"serve.runtime={runtime}"]))
        zipped = next(a.payload["path"] for a in plan.actions if a.kind == "bundle" and "inference" in a.why)
        found[variant] = folder / f"{runtime}.zip"
        found[variant].write_bytes(Path(zipped).read_bytes())
        spec = next(a.payload for a in plan.actions if a.kind == "function" and a.name.endswith("inference"))
        environment = dict(msgspec.convert(spec, FunctionSpec).environment)
    return found, environment


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


def _starts(folder: Path, bundles: dict[str, Path], environment: dict[str, str]) -> dict[str, Any]:
    """CPU and wall seconds of each start, by variant. Every variant gives the same answer, or this fails."""
    from toolkit.packaging import measure

    roots = {}
    for variant, path in bundles.items():
        roots[variant] = path.with_suffix("")
        with zipfile.ZipFile(path) as archive:
            archive.extractall(roots[variant])
    roots[FLOOR_ONNX] = measure.floor(roots[ONNX], folder / "floor-onnx", sys.executable)
    roots[FLOOR_COMPILED] = measure.floor(roots[COMPILED], folder / "floor-compiled", sys.executable)
    roots[USUAL] = _usual(folder / "usual", (roots[ONNX] / "model" / "model.onnx").read_bytes())
    request = {
        "roots": {variant: str(root) for variant, root in roots.items()},
        "environment": measure.quiet(environment),
        "event": measure.event(measure.sample(roots[ONNX])),
        "rounds": ROUNDS,
    }
    command = [sys.executable, "-m", "toolkit.execution.cold"]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    starts: dict[str, Any] = json.loads(done.stdout)["starts"]
    if "failed" in starts:
        raise RuntimeError(starts["failed"])
    answers = {variant: _probability(json.loads(found["answer"]["body"])) for variant, found in starts.items()}
    if max(answers.values()) - min(answers.values()) > 1e-4:
        raise RuntimeError(f"they answer differently: {answers}")
    return starts


def _probability(body: Any) -> float:
    """That of the second class, wherever a variant puts it: the last number of the answer."""
    while not isinstance(body, float):
        body = (list(body.values()) if isinstance(body, dict) else body)[-1]
    return body


def _usual(root: Path, model: bytes) -> Path:
    """The wheels of this environment's versions, as pip would lay them, in a folder of their own."""
    from importlib import metadata

    from uv import find_uv_bin

    pinned = [f"{name}=={metadata.version(name)}" for name in ("fastapi", "mangum", "numpy", "onnxruntime")]
    command = [find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(root), *pinned]
    subprocess.run(command, check=True)
    (root / "model").mkdir()
    (root / "model" / "model.onnx").write_bytes(model)
    (root / "app.py").write_text(USUAL_CODE)
    return root


def _crossover(report: Report, folder: Path) -> None:
    """What the two runtimes take for a batch, without anything around them."""
    from toolkit.domain import digest
    from toolkit.serving.model import Model, load

    def loaded(root: Path) -> Model:
        return load(root / "model", digest.of_file(root / "model" / "manifest.json"))

    tables, graph = loaded(folder / "compiled"), loaded(folder / "onnxruntime")
    rows = json.loads((folder / "compiled" / "model" / "sample").read_bytes())
    for count in BATCHES:
        asked = (rows * count)[:count]
        columns = [[row[f.name] for row in asked] for f in tables.signature.features]
        repeats = max(1, 2000 // count)
        works = {
            name: lambda model=model: [model.answer(columns, count) for _ in range(repeats)]  # noqa: B023
            for name, model in (("compiled", tables), ("onnxruntime", graph))
        }
        found = interleaved(works, 5)  # type: ignore[arg-type]
        for name, seconds in found.items():
            report.add(f"{name} alone, {count} rows", seconds / repeats * 1e6, "us")
        report.ratio(f"compiled_over_onnxruntime_{count}_rows", found["compiled"] / found["onnxruntime"])


if __name__ == "__main__":
    main(sys.argv[1:])
