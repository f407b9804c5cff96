"""What a start costs is measured against its floor, by package, and nothing is written meanwhile."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serving import endpoints
from tests.serving.endpoints import ROW
from toolkit.domain import codec
from toolkit.domain.errors import PlanError
from toolkit.domain.records import ModelManifest
from toolkit.models.compile import compiled
from toolkit.packaging import archive, measure
from toolkit.packaging.budget import Row
from toolkit.packaging.measure import STANDARD, Measured
from toolkit.serving import steps

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
HANDLER = """
import asyncio, decimal, fractions, os, json
told = json.loads(os.environ["TOOLKIT_RUNTIME"])
def handler(event, context):
    assert told["values"]["capture"]["rows"] > 10**6, told
    return {"statusCode": 200, "body": event["body"]}
"""
ENVIRONMENT = {"TOOLKIT_RUNTIME": json.dumps({"project": "p", "values": {"capture": {"wait": 2.0}}})}


def bundle(folder: Path, handler: str = HANDLER, **more: bytes) -> Path:
    files = endpoints.binary_files().files
    signature = codec.decode(files["manifest.json"], ModelManifest).signature
    content = {
        "app.py": handler.encode(),
        "model/manifest.json": files["manifest.json"],
        "model/compiled": compiled(files["model.onnx"], signature)[0],
        "model/sample": json.dumps([ROW]).encode(),
        "toolkit/serving/steps.py": Path(steps.__file__).read_bytes(),
        **more,
    }
    archive.write(folder / "bundle.zip", archive.pack_all(content))
    return folder / "bundle.zip"


@pytest.mark.slow
def test_a_bundle_is_measured_against_its_floor(tmp_path: Path, own_cache: Path) -> None:
    made = bundle(tmp_path)
    found = measure.measure(made, ENVIRONMENT, python=PYTHON, rounds=3, warm=5)
    assert found.ratio == found.cpu / found.floor_cpu
    assert found.cpu > found.floor_cpu > 0  # asyncio and decimal against struct and json
    assert found.wall > 0
    assert found.p99 > 0
    assert found.modules > 50
    assert found.imports[STANDARD] > 1000
    assert found.size == made.stat().st_size
    assert "its floor of" in found.tree()[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("handler", "says"),
    [
        ("raise RuntimeError('no model')\n", "no model"),
        ("def handler(event, context):\n    return {'statusCode': 500}\n", "500"),
    ],
)
def test_a_bundle_that_does_not_answer_is_not_measured(
    handler: str, says: str, tmp_path: Path, own_cache: Path
) -> None:
    with pytest.raises(PlanError, match=says):
        measure.measure(bundle(tmp_path, handler), ENVIRONMENT, python=PYTHON, rounds=1, warm=0)


def test_without_its_interpreter_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"no Python 3\.99 on this machine"):
        measure.measure(tmp_path / "none.zip", ENVIRONMENT, python="3.99")


def test_without_a_sample_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no sample row"):
        measure.sample(tmp_path)


def test_the_floor_of_an_onnx_model_has_numpy_and_onnxruntime_and_nothing_else(tmp_path: Path) -> None:
    root = tmp_path / "bundle"
    for name in ("numpy", "onnxruntime", "model", "fastapi", "toolkit"):
        (root / name).mkdir(parents=True)
    (root / "model" / "model.onnx").write_bytes(b"")
    made = measure.floor(root, tmp_path / "floor", sys.executable)
    assert {path.name for path in made.iterdir()} == {"app.py", "__pycache__", "numpy", "onnxruntime", "model"}


def test_capture_is_told_to_keep_what_it_has() -> None:
    values = json.loads(measure.quiet(ENVIRONMENT)["TOOLKIT_RUNTIME"])["values"]
    assert values["capture"]["wait"] == 2.0
    assert values["capture"]["rows"] > 10**8
    assert values["capture"]["seconds"] > 10**10


def test_times_are_summed_by_package() -> None:
    found = measure.by_package([("asyncio.events", 5), ("_ssl", 2), ("mangum.http", 3), ("mangum", 4), ("app", 1)])
    assert found == {STANDARD: 7, "mangum": 7, "app": 1}


def test_the_tree_names_the_most_expensive_first_and_sums_the_rest() -> None:
    values: dict[str, Any] = {"cpu": 0.2, "floor_cpu": 0.1, "wall": 0.3, "floor_wall": 0.1, "p99": 0.001}
    found = Measured(
        **values, modules=7, rounds=3, size=3_000_000, imports={"a": 5000, "b": 9000, "c": 1000, "d": 2000},
        rows=(Row("a", 1_000_000, 2, 1), Row("e", 500_000, 2, 1)),
    )  # fmt: skip
    tree = found.tree(shown=2)
    assert tree[0].startswith("start 200 ms CPU, 2.00x its floor of 100 ms")
    assert [line.split()[0] for line in tree[1:]] == ["b", "a", "3"]
    assert tree[3].split() == ["3", "more", "3.0", "ms", "to", "import", "0.50", "MB", "of", "the", "zip"]
