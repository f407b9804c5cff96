"""What may be imported where, by name and not by clock: a subprocess prints sys.modules, compared with a list."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "pandas", "polars", "sklearn", "numpy", "scipy", "onnx", "onnxruntime", "skl2onnx", "boto3", "botocore", "google",
    "azure", "libcloud", "fastapi", "starlette", "mangum", "uvicorn", "pyarrow", "duckdb", "pandera", "obstore",
    "httpx2", "pydantic", "rich", "cryptography", "xgboost", "lightgbm", "cronsim", "stamina", "narwhals",
}  # fmt: skip
LIGHT_THIRD_PARTY = {"click", "msgspec"}


def imported(code: str) -> set[str]:
    """Top-level modules after running `code` in a fresh interpreter."""
    script = f"import sys\n{code}\nsys.stderr.write(' '.join(sorted({{m.partition('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    return set(done.stderr.split())


def third_party(names: set[str]) -> set[str]:
    ours = {"toolkit", "__main__", "__mp_main__"}
    finders = {n for n in names if n.startswith(("_", "sitecustomize", "distutils"))}
    return names - set(sys.stdlib_module_names) - ours - finders


def test_import_toolkit_imports_nothing_else() -> None:
    assert third_party(imported("import toolkit")) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["train", "--help"], ["completion", "bash"]])
def test_the_command_line_starts_light(arguments: list[str]) -> None:
    run = f"from toolkit.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    names = imported(run)
    assert not names & HEAVY
    assert third_party(names) <= LIGHT_THIRD_PARTY


def test_reading_a_provider_imports_no_sdk() -> None:
    code = "from toolkit.bootstrap import providers\nfor n in providers.names(): providers.provider(n)"
    assert not imported(code) & HEAVY
