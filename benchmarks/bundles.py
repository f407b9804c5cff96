"""What a build takes and weighs: our bundle beside `sam build` and `chalice package`, the same packages, in one run.

Every tool finds its packages in its own warm cache. "First" is into an empty place of its own work; "a new model" is
the next build, in which one file of 300 kB is another one, the way each tool is fastest at it (`sam build --cached`,
chalice with its own .chalice/deployments). Ours and chalice's end in a zip; `sam build` ends in a folder, which
`sam deploy` has yet to zip. Ours has its own source, bytecode and a bill of materials inside.

The packages are those that all three can build here, in the versions of this environment: the usual web set, without
numpy and onnxruntime (chalice leaves these two out of its zip with a warning, and sam needs an interpreter of the
target's Python). The set with onnxruntime, which is what a function of ours carries, is built by ours alone. Each peer
is in an environment of its own; where one cannot be had or fails here, its row says why.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from benchmarks import lifecycle
from benchmarks.apparatus import environments
from benchmarks.apparatus.environments import FAILS, Missing
from benchmarks.apparatus.report import Report, options, timed
from toolkit.domain.plan import Plan

ROUNDS = 3
SMALL = ("fastapi", "mangum", "msgspec", "pydantic")
PINNED = {"sam": ("aws-sam-cli==1.170.0", "pip==26.2.1"), "chalice": ("chalice==1.34.0", "pip==26.2.1")}
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
MODEL_BYTES = 300_000
SENT = ("create", "update")
CODE = "import fastapi, mangum, msgspec\n\n\ndef handler(event, context):\n    return {}\n"
CHALICE = "from chalice import Chalice\n\napp = Chalice(app_name='bench')\n\n\n"
CHALICE += "@app.route('/')\ndef index():\n    return {}\n"
SAM = f"""
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Bench:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: src, Handler: app.handler, Runtime: {PYTHON}}}
"""


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv)
    rounds = 1 if asked.quick else ROUNDS
    report = Report("bundles", f"Building a function (median of {rounds}, alternating; packages in warm caches)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        others = _peers(report, folder)
        with _layers_apart(folder):
            _compare(report, {"ours": _ours(folder, SMALL, compiled=True), **others}, rounds)
            first, again, zipped = _ours(folder, (), compiled=False)
            report.add("ours with onnxruntime: first build", statistics.median(first() for _ in range(rounds)), "s")
            report.add("ours with onnxruntime: a new model", statistics.median(again() for _ in range(3)), "s")
            report.add("ours with onnxruntime: zip", zipped() / 1e6, "MB")
            _uploads(report, folder / "project")
    report.show(asked)


Work = tuple[Callable[[], float], Callable[[], float], Callable[[], float]]
"""A first build and one with a new model (seconds each), and the size of the zip in bytes."""


@contextmanager
def _layers_apart(folder: Path) -> Iterator[None]:
    """Our own cache empty and on its own; uv's where it is, as the packages are warm for all."""
    from uv import find_uv_bin

    done = subprocess.run([find_uv_bin(), "cache", "dir"], check=True, capture_output=True, text=True)
    changed = {"UV_CACHE_DIR": done.stdout.strip(), "XDG_CACHE_HOME": str(folder / "cache")}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _ours(folder: Path, packages: tuple[str, ...], *, compiled: bool) -> Work:
    from toolkit.packaging import bundle, cache

    pinned = tuple(f"{p}=={metadata.version(p)}" for p in packages)
    built: list[bundle.Bundle] = []

    def build() -> None:
        spec = bundle.BundleSpec(
            "inference", model_files={"model.onnx": os.urandom(MODEL_BYTES)}, requirements=pinned, compiled=compiled
        )
        built.append(bundle.build(spec, folder / "built"))

    def first() -> float:
        shutil.rmtree(cache.folder("layers"))
        return timed(build)

    return first, lambda: timed(build), lambda: float(built[-1].size)


def _peers(report: Report, folder: Path) -> dict[str, Work]:
    found: dict[str, Work] = {}
    for name, make in {"sam": _sam, "chalice": _chalice}.items():
        try:
            found[name] = make(folder / name)
        except FAILS as error:
            report.missing(_title(name), error)
    return found


def _sam(folder: Path) -> Work:
    home = environments.home("sam", PINNED["sam"])
    source = folder / "src"
    _source(source, CODE)
    (folder / "template.yaml").write_text(SAM)
    program = [str(home / "bin" / "sam"), "build", "--cached"]

    def build() -> None:
        (source / "model.onnx").write_bytes(os.urandom(MODEL_BYTES))
        _run(program, folder, home)

    def first() -> float:
        shutil.rmtree(folder / ".aws-sam", ignore_errors=True)
        return timed(build)

    def packed() -> float:
        made = shutil.make_archive(str(folder / "made"), "zip", folder / ".aws-sam" / "build" / "Bench")
        return float(Path(made).stat().st_size)

    return first, lambda: timed(build), packed


def _chalice(folder: Path) -> Work:
    home = environments.home("chalice", PINNED["chalice"])
    _source(folder, CHALICE)
    (folder / "vendor").mkdir()
    (folder / ".chalice").mkdir()
    settings = {
        "version": "2.0",
        "app_name": "bench",
        "stages": {"dev": {"manage_iam_role": False, "iam_role_arn": "a"}},
    }
    (folder / ".chalice" / "config.json").write_text(json.dumps(settings))

    def build() -> None:
        (folder / "vendor" / "model.onnx").write_bytes(os.urandom(MODEL_BYTES))
        _run([str(home / "bin" / "chalice"), "package", "out"], folder, home)

    def first() -> float:
        shutil.rmtree(folder / "out", ignore_errors=True)
        shutil.rmtree(folder / ".chalice" / "deployments", ignore_errors=True)
        return timed(build)

    return first, lambda: timed(build), lambda: float((folder / "out" / "deployment.zip").stat().st_size)


def _source(folder: Path, code: str) -> None:
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(code)
    (folder / "requirements.txt").write_text("".join(f"{p}=={metadata.version(p)}\n" for p in SMALL))


def _run(command: list[str], folder: Path, home: Path) -> None:
    quiet = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **quiet, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise Missing(" ".join((done.stderr or done.stdout).split())[-300:])


def _compare(report: Report, works: dict[str, Work], rounds: int) -> None:
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in works}
    for _ in range(rounds):
        for name, (first, again, _size) in list(works.items()):
            try:
                times[name][0].append(first())
                times[name][1].append(again())
            except FAILS as error:
                report.missing(_title(name), error)
                del works[name]
    found = {name: [statistics.median(each) for each in times[name]] for name in works}
    for name, (built, rebuilt) in found.items():
        report.add(f"{_title(name)}: first build", built, "s")
        report.add(f"{_title(name)}: a new model", rebuilt, "s")
        report.add(f"{_title(name)}: zip", works[name][2]() / 1e6, "MB")
    for name in [name for name in found if name != "ours"]:
        for which, key in enumerate(("build", "new_model")):
            report.ratio(f"{name}_over_ours_{key}", found[name][which] / found["ours"][which])


def _title(name: str) -> str:
    return name if name == "ours" else PINNED[name][0].replace("aws-sam-cli==", "sam build ").replace("==", " package ")


def _uploads(report: Report, folder: Path) -> None:
    """What a deploy sends, by its plan: everything, nothing, what a new model changes."""
    from toolkit.bootstrap import open_context
    from toolkit.lifecycle import deploy, destroy, promote, train

    folder.mkdir()
    (folder / "train.py").write_text(lifecycle.TRAIN.strip() + "\n")
    (folder / "toolkit.toml").write_text(lifecycle.CONFIG)
    (folder / "rows.csv").write_text(lifecycle.ROWS)
    ctx = open_context(folder)
    try:
        for steps, when in ((1, "the first model"), (2, "a new model")):
            promote.run(ctx, train.run(ctx, params={"steps": steps}).version)
            report.add(f"deploy of {when}: uploaded", _sent(deploy.run(ctx).plan), "bytes")
            report.add(f"deploy of {when}, once more: uploaded", _sent(deploy.plan(ctx)), "bytes")
    finally:
        destroy.run(ctx)


def _sent(plan: Plan) -> float:
    sent = [Path(a.payload["path"]) for a in plan.actions if a.kind == "bundle" and a.action in SENT]
    return float(sum(path.stat().st_size for path in sent))


if __name__ == "__main__":
    main()
