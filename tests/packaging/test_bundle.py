from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError, NotFound, PlanError, ToolkitError
from toolkit.packaging import bytecode, ours, uv
from toolkit.packaging.bundle import Bundle, BundleSpec, build, describe

APP = """\
from pathlib import Path


def handler(event, context):
    from toolkit.domain import names

    return names.suggest((Path(__file__).parent / "model" / "model.onnx").read_text())
"""
TAG = sys.implementation.cache_tag

pytestmark = pytest.mark.slow


@pytest.fixture
def function(tmp_path: Path) -> Path:
    """A function with no package of its own: its bundles need no resolver."""
    folder = tmp_path / "functions" / "tiny"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(APP)
    return folder


@pytest.fixture(autouse=True)
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own source in another folder: where it lies is not in the bytes, and nobody edits it meanwhile."""
    ignore = shutil.ignore_patterns("__pycache__", "_shipped")
    monkeypatch.setattr(ours, "PACKAGE", shutil.copytree(ours.PACKAGE, tmp_path / "src" / "toolkit", ignore=ignore))


@pytest.fixture
def spec(function: Path, own_cache: Path) -> BundleSpec:
    return BundleSpec("tiny", folder=function, providers=(), model_files={"model.onnx": b"First Model"})


def isolated(root: Path, script: str, **variables: str) -> str:
    """Run a script with nothing but the bundle and the standard library on its path."""
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{script}"
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **variables})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def unpacked(built: Bundle, to: Path) -> Path:
    with zipfile.ZipFile(built.path) as opened:
        assert opened.testzip() is None
        opened.extractall(to)
    return to


def test_what_is_built(spec: BundleSpec, tmp_path: Path) -> None:
    built = build(spec, tmp_path / "out")
    assert built.path == tmp_path / "out" / f"tiny-{built.digest[:16]}.zip"
    assert built.digest == digest.of_file(built.path)
    assert built.size == built.path.stat().st_size
    with zipfile.ZipFile(built.path) as opened:
        names = opened.namelist()
        assert built.unpacked == sum(entry.file_size for entry in opened.infolist())
    assert built.files == len(names)
    assert {"app.py", f"__pycache__/app.{TAG}.pyc", "model/model.onnx", "sbom.json", "toolkit/domain/names.py"} <= {
        *names
    }
    assert "toolkit/domain/config.py" not in names
    assert list(built.tree) == describe(built.path)
    assert (built.packages, built.warnings) == ({}, ())
    assert list((tmp_path / "out").iterdir()) == [built.path]


def test_it_runs_from_its_bytecode_with_nothing_else_on_the_path(spec: BundleSpec, tmp_path: Path) -> None:
    root = unpacked(build(spec, tmp_path / "out"), tmp_path / "run")
    for source in root.rglob("*.py"):  # unchecked: the interpreter does not look at them
        source.write_text("raise SystemExit('compiled from source')\n")
    assert isolated(root, "import app; print(app.handler({}, None))") == "first-model"


def test_same_bytes_wherever_and_by_whomever(
    spec: BundleSpec, index: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index("alpha", "1.0", {"alpha/__init__.py": b"X = {'a', 'b', 'c'}\n", "alpha/b.py": APP.encode()})
    first = build(replace(spec, requirements=("alpha",)), tmp_path / "out")
    elsewhere = tmp_path / "another" / "place"
    elsewhere.mkdir(parents=True)
    for name, value in {
        "XDG_CACHE_HOME": str(tmp_path / "second-cache"),
        "TZ": "Pacific/Auckland",
        "USER": "someone",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "5",
        "SOURCE_DATE_EPOCH": "99999",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    time.tzset()
    before = os.umask(0o077)
    try:
        (elsewhere / "app.py").write_text(APP)
        os.utime(elsewhere / "app.py", (5, 5))
        model = tmp_path / "m.onnx"
        model.write_bytes(b"First Model")
        second = build(
            replace(spec, folder=elsewhere, requirements=("alpha",), model_files={"model.onnx": model}), elsewhere
        )
    finally:
        os.umask(before)
        monkeypatch.delenv("TZ")
        time.tzset()
    assert (tmp_path / "second-cache" / "driftloop" / "layers").is_dir()
    assert second.path.read_bytes() == first.path.read_bytes()
    assert f"alpha/__pycache__/b.{TAG}.pyc" in _names(first)


def _names(built: Bundle) -> list[str]:
    with zipfile.ZipFile(built.path) as opened:
        return opened.namelist()


def test_a_new_model_compresses_nothing_else_again(
    spec: BundleSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(spec, tmp_path)
    monkeypatch.setattr(bytecode, "compile_tree", None)
    second = build(replace(spec, model_files={"model.onnx": b"another one"}), tmp_path)
    assert second.digest != first.digest
    assert build(spec, tmp_path).digest == first.digest
    assert sorted(tmp_path.glob("*.zip")) == sorted([first.path, second.path])


def test_by_default_it_lies_in_the_users_cache(spec: BundleSpec, own_cache: Path) -> None:
    built = build(spec)
    assert built.path.parent == own_cache / "bundles"
    os.utime(built.path, (1, 1))
    assert build(spec).path.stat().st_mtime > 1  # found again, so used last: others go before it


def test_an_edit_of_the_function_is_seen(spec: BundleSpec, function: Path, tmp_path: Path) -> None:
    first = build(spec, tmp_path)
    (function / "app.py").write_text(APP.replace("suggest", "check"))
    second = build(spec, tmp_path)
    with zipfile.ZipFile(second.path) as opened:
        assert b"check" in opened.read(f"__pycache__/app.{TAG}.pyc")
    assert second.digest != first.digest


def test_without_an_interpreter_of_the_target_it_warns(spec: BundleSpec, tmp_path: Path) -> None:
    built = build(replace(spec, python="3.99"), tmp_path)
    (warning,) = built.warnings
    assert "no Python 3.99 on this machine" in warning
    assert not [name for name in _names(built) if name.endswith(".pyc")]


def test_with_packages_and_a_bill_of_materials(spec: BundleSpec, index: Callable[..., Path], tmp_path: Path) -> None:
    index("alpha", "1.0", {"alpha.py": b"X = 1\n"}, needs=("beta",))
    index("beta", "1.0", {"beta.py": b"Y = 1\n"})
    built = build(replace(spec, requirements=("alpha>=1",)), tmp_path)
    assert built.packages == {"alpha": "1.0", "beta": "1.0"}
    assert {"alpha", "beta", "toolkit", "model"} <= {row.name for row in built.tree}
    with zipfile.ZipFile(built.path) as opened:
        bill = json.loads(opened.read("sbom.json"))
    assert [c["name"] for c in bill["components"]] == ["tiny", "alpha", "beta", "driftloop"]
    with pytest.raises(ConfigError, match=r"cannot resolve the function's packages for Python .*gamma"):
        build(replace(spec, requirements=("gamma",)), tmp_path)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"limit_unpacked": 10}, PlanError, "over the .* the biggest: toolkit"),
        ({"limit_packed": 10}, PlanError, "packed, .* over the"),
        ({"model_files": {"model.onnx": pickle.dumps([1, {}])}}, PlanError, r"model/model\.onnx: a pickle"),
        ({"model_files": {"model.pkl": b""}}, PlanError, r"model/model\.pkl: a pickle by its name"),
        ({"model_files": {"card": b"\nAKIAA1B2C3D4E5F6G7H8"}}, PlanError, "model/card line 2: an AWS access key"),
        ({"model_files": {"../x": b""}}, ConfigError, "cannot be a file of a bundle"),
        ({"extra_files": {"/x": b""}}, ConfigError, "cannot be a file of a bundle"),
        ({"extra_files": {"app.py": b""}}, PlanError, "two sources bring app.py"),
        ({"model_files": {"model.onnx": Path("/no/such/file")}}, ConfigError, "cannot read /no/such/file"),
        ({"requirements": ("./here",)}, ConfigError, "is not a package by name"),
        ({"folder": None}, NotFound, "no function 'tiny' in .*; there are: drift_check"),
    ],
)
def test_refusals(
    spec: BundleSpec, tmp_path: Path, change: Mapping[str, object], kind: type[ToolkitError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        build(replace(spec, **change), tmp_path / "out")  # type: ignore[arg-type]  # a table of different fields
    assert not (tmp_path / "out").exists()


def test_the_inference_set_predicts_in_isolation(
    function: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real wheels, from the user's own cache: trimmed as they are, they still import, load and predict."""
    (function / "app.py").write_text("from toolkit.entry import inference\n")
    spec = BundleSpec("inference", folder=function, model_files={"model.onnx": _identity_model()})
    first = build(spec, tmp_path)
    assert first.packages["onnxruntime"] == metadata.version("onnxruntime")
    assert first.packages["numpy"] == metadata.version("numpy")
    assert first.packages.keys().isdisjoint({"protobuf", "flatbuffers", "polars", "pandas", "scikit-learn", "boto3"})
    assert first.unpacked < 110 * 1024**2
    with monkeypatch.context() as patch:
        patch.setattr(uv, "run", None)
        patch.setattr(bytecode, "compile_tree", None)
        assert build(spec, tmp_path).digest == first.digest
    root = unpacked(first, tmp_path / "run")
    monkeypatch.setenv("UV_CACHE_DIR", uv.run(["cache", "dir"], cwd=tmp_path, doing="asking").strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    assert build(spec, tmp_path / "again").digest == first.digest
    script = """
import warnings; warnings.simplefilter("error")
import fastapi, mangum, msgspec, numpy, numpy.random, onnxruntime, pydantic, importlib.metadata
import app
session = onnxruntime.InferenceSession("model/model.onnx")
print(session.run(None, {"x": numpy.ones((1, 2), numpy.float32) * 3})[0].tolist(), importlib.metadata.version("numpy"))
loaded = [m for m in sys.modules.values() if getattr(m, "__file__", None) and "site-packages" in m.__file__]
print(len(loaded), onnxruntime.__cached__.startswith(sys.path[0]))
"""
    monkeypatch.chdir(root)
    assert isolated(root, script).splitlines() == [f"[[3.0, 3.0]] {metadata.version('numpy')}", "0 True"]


def _identity_model() -> bytes:
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


@pytest.mark.parametrize("function_name", ["inference", "drift_check"])
def test_every_module_of_ours_in_a_shipped_bundle_imports_in_isolation(function_name: str, tmp_path: Path) -> None:
    root = unpacked(build(BundleSpec(function_name), tmp_path), tmp_path / "run")
    modules = [path.relative_to(root).with_suffix("").as_posix() for path in sorted((root / "toolkit").rglob("*.py"))]
    outside = ("toolkit/execution/", "toolkit/adapters/local/functions")  # started by the host, where the rest is
    names = [m.replace("/", ".").removesuffix(".__init__") for m in modules if not m.startswith(outside)]
    assert f"toolkit.entry.{'drift' if function_name == 'drift_check' else 'inference'}" in names
    script = f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('all')"
    assert isolated(root, script) == "all"
