"""From a worker's spawn to its first correct answer, through the real Lambda runtime client, side by side in one run.

Ours are the two bundles that `toolkit deploy` makes of one model (digests checked, validation, metrics and capture on,
behind Mangum): with onnxruntime, and compiled. Beside each its floor, the same model with nothing around it
(`packaging.measure`), and FastAPI + Mangum + onnxruntime as people zip it: the wheels as they are, without bytecode.
Variants take turns, the page cache is warm for all, every answer is compared. A third bundle of ours has no model: it
asks the bucket (here a folder) for what the endpoint's journal names, and checks who signed it. Wall clock is what a
user waits; CPU says the same with less noise. Below that: what a row costs in either runtime, and at how many rows they
cross.

Whole servers of others, each in an environment of its own, join with a model of the same kind: seconds from the spawn
to the first right answer over HTTP. Ours as a container's server is measured like them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.apparatus import model, peers
from benchmarks.apparatus.environments import FAILS
from benchmarks.apparatus.report import Report, interleaved, options
from benchmarks.apparatus.servers import Running, Way

ROUNDS = 9
PEER_ROUNDS = 3
ONNX, COMPILED = "ours, onnxruntime", "ours, compiled"
BUCKET = "ours, onnxruntime, model from the bucket"
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


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv)
    rounds, peer_rounds = (2, 1) if asked.quick else (ROUNDS, PEER_ROUNDS)
    report = Report("cold_start", f"Cold start, spawn to first correct answer (median of {rounds}, alternating)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundles, environments = _bundles(folder)
        starts = _starts(report, folder, bundles, environments, rounds)
        for variant, found in starts.items():
            report.add(f"{variant}: first answer", statistics.median(found["wall"]) * 1000, "ms")
            report.add(f"{variant}: CPU", statistics.median(found["cpu"]) * 1000, "ms")
        for variant, path in bundles.items():
            report.add(f"{variant}: zip", path.stat().st_size / 1e6, "MB")
        _ratios(report, starts, *_servers(report, folder / "peers", peer_rounds))
        _crossover(report, folder, 1 if asked.quick else 5)
    report.show(asked)


def _ratios(report: Report, starts: dict[str, Any], servers: dict[str, float], spent: dict[str, float]) -> None:
    wall = {variant: statistics.median(found["wall"]) for variant, found in starts.items()}
    cpu = {variant: statistics.median(found["cpu"]) for variant, found in starts.items()}
    report.ratio("ours_over_floor", wall[ONNX] / wall[FLOOR_ONNX])
    report.ratio("compiled_over_floor", wall[COMPILED] / wall[FLOOR_COMPILED])
    report.ratio("ours_over_floor_cpu", cpu[ONNX] / cpu[FLOOR_ONNX])
    report.ratio("compiled_over_floor_cpu", cpu[COMPILED] / cpu[FLOOR_COMPILED])
    report.ratio("bucket_over_ours_cpu", cpu[BUCKET] / cpu[ONNX])
    if USUAL in wall:
        report.ratio("usual_over_ours", wall[USUAL] / wall[ONNX])
        report.ratio("usual_over_compiled", wall[USUAL] / wall[COMPILED])
    report.ratio("ours_over_compiled", wall[ONNX] / wall[COMPILED])
    for name, seconds in servers.items():
        report.ratio(f"{name}_over_ours", seconds / wall[ONNX])
        report.ratio(f"{name}_over_compiled", seconds / wall[COMPILED])
    for name, seconds in spent.items():
        report.ratio(f"{name}_over_ours_cpu", seconds / cpu[ONNX])
        report.ratio(f"{name}_over_compiled_cpu", seconds / cpu[COMPILED])


def _servers(report: Report, folder: Path, rounds: int) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of the peers' servers by name, and of their CPU, medians. Ours is only a row, and so is a failure."""
    folder.mkdir()
    digest, rows = model.write(folder)
    environment = model.environment(folder, digest)
    ours = peers.our_ways(peers.ours(folder, environment))[0]
    found: dict[str, float] = {}
    spent: dict[str, float] = {}
    makers: dict[str, Callable[[], Way]] = {"ours, a container's server": lambda: ours}
    for name in (*peers.PINNED, *peers.HERE):
        makers[name] = lambda name=name: peers.peer(name, folder, environment)  # type: ignore[misc]
    for name, make in makers.items():
        title = f"{peers.title(name)}, its server" if name != "ours, a container's server" else name
        try:
            way = make()
            times = [_first(way, rows[:1]) for _ in range(rounds + 1)][1:]  # the first fills the page cache
        except FAILS as error:
            report.missing(title, error)
            continue
        seconds, cpu = (statistics.median(values) for values in zip(*times, strict=True))
        report.add(f"{title}: first answer", seconds * 1000, "ms")
        report.add(f"{title}: CPU", cpu * 1000, "ms")
        if way is not ours:
            found[name], spent[name] = seconds, cpu
    return found, spent


def _first(way: Way, rows: model.Rows) -> tuple[float, float]:
    """(seconds to the first answer, CPU until then of all its processes)."""
    running = Running(way.server)
    try:
        return running.first(way, rows), running.cpu()
    finally:
        running.stop()


def _bundles(folder: Path) -> tuple[dict[str, Path], dict[str, dict[str, str]]]:
    """The zips of one model, and the environments of their functions."""
    from toolkit.bootstrap import open_context
    from toolkit.lifecycle import deploy, find, keys, naming, place, promote, sign, train

    _project(folder)
    ours = f"trust.private={folder / 'keys'}"
    ctx = open_context(folder, overrides=[ours])
    promote.run(ctx, train.run(ctx).version)
    keys.create(ctx)
    signed = find.version(ctx, "champion")
    sign.model(ctx, signed)
    variants = {
        ONNX: ("onnxruntime", "baked"), COMPILED: ("compiled", "baked"), BUCKET: ("onnxruntime", "bucket"),
    }  # fmt: skip
    found, environments = {}, {}
    for variant, (runtime, source) in variants.items():
        ctx = open_context(folder, overrides=[ours, f"serve.runtime={runtime}", f"serve.model={source}"])
        wanted = deploy._wanted(ctx, signed.version)
        found[variant] = folder / f"{runtime}-{source}.zip"
        found[variant].write_bytes(wanted.bundle.path.read_bytes())
        environments[variant] = dict(wanted.inference.environment)
    place.model(ctx, signed)
    naming.releases(ctx).record(deploy._release(ctx, wanted, "", "", "benchmark"), op="benchmark")
    return found, environments


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


def _starts(
    report: Report, folder: Path, bundles: dict[str, Path], environments: dict[str, dict[str, str]], rounds: int
) -> dict[str, Any]:
    """CPU and wall seconds of each start, by variant. Every variant gives the same answer, or this fails; the usual way
    may be missing."""
    from toolkit.packaging import measure

    roots = {}
    for variant, path in bundles.items():
        roots[variant] = path.with_suffix("")
        with zipfile.ZipFile(path) as archive:
            archive.extractall(roots[variant])
    roots[FLOOR_ONNX] = measure.floor(roots[ONNX], folder / "floor-onnx", sys.executable)
    roots[FLOOR_COMPILED] = measure.floor(roots[COMPILED], folder / "floor-compiled", sys.executable)
    try:
        roots[USUAL] = _usual(folder / "usual", (roots[ONNX] / "model" / "model.onnx").read_bytes())
    except FAILS as error:
        report.missing(USUAL, error)
    request: dict[str, Any] = {
        "roots": {variant: str(root) for variant, root in roots.items()},
        "environment": measure.quiet(environments[ONNX]),
        "environments": {variant: measure.quiet(own) for variant, own in environments.items()},
        "event": measure.event(measure.sample(roots[ONNX])),
        "rounds": rounds,
    }
    starts = _measured(request)
    if str(starts.get("failed")).startswith(USUAL):
        report.missing(USUAL, starts["failed"])
        starts = _measured({**request, "roots": {v: root for v, root in request["roots"].items() if v != USUAL}})
    if "failed" in starts:
        raise RuntimeError(starts["failed"])
    answers = {variant: _probability(json.loads(found["answer"]["body"])) for variant, found in starts.items()}
    if max(answers.values()) - min(answers.values()) > 1e-4:
        raise RuntimeError(f"they answer differently: {answers}")
    return starts


def _measured(request: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "toolkit.execution.cold"]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)["starts"]
    return found


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


def _crossover(report: Report, folder: Path, rounds: int) -> None:
    """What the two runtimes take for a batch, without anything around them."""
    from toolkit.domain import digest
    from toolkit.serving.model import Model, load

    def loaded(root: Path) -> Model:
        return load(root / "model", digest.of_file(root / "model" / "manifest.json"))

    tables, graph = loaded(folder / "compiled-baked"), loaded(folder / "onnxruntime-baked")
    rows = json.loads((folder / "compiled-baked" / "model" / "sample").read_bytes())
    for count in BATCHES:
        asked = (rows * count)[:count]
        columns = [[row[f.name] for row in asked] for f in tables.signature.features]
        repeats = max(1, 2000 // count)
        works = {
            name: lambda model=model: [model.answer(columns, count) for _ in range(repeats)]  # noqa: B023
            for name, model in (("compiled", tables), ("onnxruntime", graph))
        }
        found = interleaved(works, rounds)  # type: ignore[arg-type]
        for name, seconds in found.items():
            report.add(f"{name} alone: {count} rows", seconds / repeats * 1e6, "us")
        report.ratio(f"compiled_over_onnxruntime_{count}_rows", found["compiled"] / found["onnxruntime"])


if __name__ == "__main__":
    main()
