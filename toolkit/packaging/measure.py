"""What a bundle's start costs, against the least that its runtime could cost: measured, not guessed.

The floor is the same model with nothing around it: the runtime client and, for an ONNX model, numpy and onnxruntime
with the graph; for a compiled one, its tables and the interpreter of tables. Both are started in turn in one run, by
the interpreter that will run the function, and their CPU is compared: a machine that is busy or slow is so for both.

What is measured is the whole first answer: digests checked, request validated, metrics and capture on, the store's
client loaded. Only nothing is written: capture is told to keep its rows, so that a measurement leaves no trace in the
bucket. The measuring itself is a process of its own (`execution.cold`).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from toolkit.domain.errors import PlanError
from toolkit.packaging import budget, bytecode, cache
from toolkit.packaging.budget import Row

ROUNDS = 7
WARM = 200
BUNDLE, FLOOR = "bundle", "floor"
STANDARD = "standard library"
_NEVER = {"rows": 10**9, "seconds": 1e18}  # capture that keeps what it has

_ONNX = """
import json, os
import numpy as np
import onnxruntime as ort
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "model", "model.onnx"), options)
kinds = {i.name: np.float32 if i.type == "tensor(float)" else object for i in session.get_inputs()}
empty = {np.float32: float("nan"), object: ""}
def handler(event, context):
    row = json.loads(event["body"])["records"][0]
    feed = {}
    for name, kind in kinds.items():
        value = row.get(name)
        usable = isinstance(value, str) if kind is object else isinstance(value, (int, float))
        feed[name] = np.array([[value if usable else empty[kind]]], dtype=kind)
    return {"statusCode": 200, "body": json.dumps([answer.tolist() for answer in session.run(None, feed)])}
"""
_COMPILED = """
import json
from array import array
from program import CONSTANTS, INPUTS, SCORES, STEPS, TEXTS
from steps import program
NUMBERS = [name for name in INPUTS if name not in TEXTS]
STEPS, _ = program(len(CONSTANTS) + len(INPUTS), STEPS)
def handler(event, context):
    row = json.loads(event["body"])["records"][0]
    values = [row.get(name) for name in NUMBERS]
    numbers = array("f", [v if isinstance(v, (int, float)) else float("nan") for v in values])
    memory = [*CONSTANTS, *numbers, *(row.get(name) or "" for name in TEXTS)]
    for step in STEPS:
        step(memory)
    return {"statusCode": 200, "body": json.dumps([memory[place] for place in SCORES])}
"""


@dataclass(frozen=True)
class Measured:
    """CPU and clock of a start in seconds (medians), `p99` of warm calls in seconds, `modules` imported by the first
    answer, `imports` in microseconds by package, `rows` as in the zip, `size` of the zip in bytes."""

    cpu: float
    floor_cpu: float
    wall: float
    floor_wall: float
    p99: float
    modules: int
    imports: dict[str, int]
    rows: tuple[Row, ...]
    size: int
    rounds: int

    @property
    def ratio(self) -> float:
        return self.cpu / self.floor_cpu

    def tree(self, shown: int = 8) -> list[str]:
        """What costs time and size, per package, the most expensive first."""
        lines = [
            f"start {self.cpu * 1000:.0f} ms CPU, {self.ratio:.2f}x its floor of {self.floor_cpu * 1000:.0f} ms "
            f"(medians of {self.rounds}); zip {self.size / 1e6:.2f} MB; {self.modules} modules imported"
        ]
        sizes = {row.name: row.packed for row in self.rows}
        names = sorted({*self.imports, *sizes}, key=lambda n: (-self.imports.get(n, 0), -sizes.get(n, 0), n))
        lines += [_line(name, self.imports.get(name, 0), sizes.get(name, 0)) for name in names[:shown]]
        rest = names[shown:]
        if rest:
            total = sum(self.imports.get(n, 0) for n in rest), sum(sizes.get(n, 0) for n in rest)
            lines.append(_line(f"{len(rest)} more", *total))
        return lines


def _line(name: str, microseconds: int, packed: int) -> str:
    return f"  {name:<20} {microseconds / 1000:7.1f} ms to import {packed / 1e6:8.2f} MB of the zip"


def measure(
    bundle: Path,
    environment: Mapping[str, str],
    *,
    python: str,
    memory_mb: int = 1024,
    rounds: int = ROUNDS,
    warm: int = WARM,
) -> Measured:
    """Start the bundle's function and its floor in turn. `environment` is the function's, with TOOLKIT_RUNTIME;
    `python` its version. Raises PlanError: no such interpreter here, or the function does not answer.
    """
    by = bytecode.interpreter(python)
    if by is None:
        raise PlanError(f"no Python {python} on this machine to measure with", hint=f"install Python {python} here")
    with cache.work() as work:
        root = work / BUNDLE
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(root)
        request = {
            "roots": {BUNDLE: str(root), FLOOR: str(floor(root, work / FLOOR, by.path))},
            "environment": quiet(environment),
            "event": event(sample(root)),
            "python": "" if by.path == sys.executable else by.path,
            "rounds": rounds,
            "warm": warm,
            "memory_mb": memory_mb,
            "imports": BUNDLE,
        }
        found = _measured(request)
    starts, imported = found["starts"], found["imports"]
    slow = sorted(starts[BUNDLE]["warm"])
    return Measured(
        cpu=statistics.median(starts[BUNDLE]["cpu"]),
        floor_cpu=statistics.median(starts[FLOOR]["cpu"]),
        wall=statistics.median(starts[BUNDLE]["wall"]),
        floor_wall=statistics.median(starts[FLOOR]["wall"]),
        p99=slow[int(len(slow) * 0.99)] if slow else 0.0,
        modules=imported["modules"],
        imports=by_package(imported["times"]),
        rows=tuple(budget.describe(bundle)),
        size=bundle.stat().st_size,
        rounds=rounds,
    )


def _measured(request: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "toolkit.execution.cold"]
    package = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        command, input=json.dumps(request), env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PlanError(f"the bundle could not be measured: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    failed = found["starts"].get("failed") or found.get("imports", {}).get("failed")
    if failed:
        raise PlanError(f"the bundle does not answer, so it could not be measured: {failed}", hint="toolkit logs")
    return found


def quiet(environment: Mapping[str, str]) -> dict[str, str]:
    """The function's environment with capture told never to write."""
    runtime = json.loads(environment.get("TOOLKIT_RUNTIME", "{}"))
    values = runtime.get("values", {})
    runtime["values"] = {**values, "capture": {**values.get("capture", {}), **_NEVER}}
    return {**environment, "TOOLKIT_RUNTIME": json.dumps(runtime)}


def sample(root: Path) -> dict[str, Any]:
    """A row to ask with. PlanError where the bundle has none."""
    path = root / "model" / "sample"
    if not path.is_file():
        raise PlanError(
            "the bundle holds no sample row to measure with: its model is in the bucket",
            hint='[serve] model = "baked", or no [serve.budget]',
        )
    rows: list[dict[str, Any]] = json.loads(path.read_bytes())
    return rows[0]


def event(row: Mapping[str, Any]) -> dict[str, Any]:
    """An API Gateway v2 request for one row, as a function URL sends it."""
    http = {"method": "POST", "path": "/predict", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "-"}
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": "/predict", "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost"},
        "requestContext": {"http": http, "stage": "$default", "requestId": "1", "domainName": "localhost"},
        "body": json.dumps({"records": [row]}), "isBase64Encoded": False,
    }  # fmt: skip


def floor(root: Path, into: Path, python: str) -> Path:
    """The least that answers for the model of the unpacked bundle `root`, in `into`, compiled by `python`."""
    into.mkdir()
    if (root / "model" / "model.onnx").is_file():
        (into / "app.py").write_text(_ONNX, "utf-8")
        for name in ("numpy", "numpy.libs", "onnxruntime", "model"):
            if (root / name).exists():
                (into / name).symlink_to(root / name)
    else:
        program = msgspec.msgpack.decode((root / "model" / "compiled").read_bytes())
        features = json.loads((root / "model" / "manifest.json").read_bytes())["signature"]["features"]
        program["texts"] = [feature["name"] for feature in features if feature["dtype"] == "string"]
        names = ("constants", "inputs", "steps", "scores", "texts")
        named = [f"{name.upper()} = {_literal(program[name])}" for name in names]
        (into / "program.py").write_text("\n".join(["nan, inf = float('nan'), float('inf')", *named]), "utf-8")
        (into / "steps.py").write_bytes((root / "toolkit" / "serving" / "steps.py").read_bytes())
        (into / "app.py").write_text(_COMPILED, "utf-8")
    command = [python, "-I", "-S", "-m", "compileall", "-q", "-l", "--invalidation-mode", "unchecked-hash", str(into)]
    subprocess.run(command, check=True, capture_output=True)
    return into


def _literal(value: Any) -> str:
    """Lists as tuples: a tuple of constants is one constant of the bytecode, a list is built again at each start."""
    if isinstance(value, list):
        return "(" + "".join(f"{_literal(one)}, " for one in value) + ")"
    return repr(value)


def by_package(times: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Microseconds by top-level package; the standard library as one."""
    sums: Counter[str] = Counter()
    for module, microseconds in times:
        top = module.partition(".")[0]
        sums[STANDARD if top in sys.stdlib_module_names or top.startswith("_") else top] += microseconds
    return dict(sums)
