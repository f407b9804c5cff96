"""The README is true: its generated parts are current, and every block in it runs, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import readme
from tests.support import small_csv

TEXT = readme.README.read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
# The gate cannot run itself, and installing is what made this environment: those lines are looked at, not carried out.
INSTEAD = {"make": "make -n -C {root}", "pip": "{python} -m pip show --quiet driftloop #", "git": "true #"}


@pytest.mark.parametrize("name", readme.SECTIONS)
def test_a_generated_section_is_current(name: str) -> None:
    assert readme.section(TEXT, name) == readme.SECTIONS[name](), "python -m tests.house.readme"


def test_every_block_says_what_it_is() -> None:
    assert TEXT.count("```") == 2 * len(BLOCKS)
    assert {kind for kind, _ in BLOCKS} <= {"sh", "python", "toml", "text", "json"}


@pytest.mark.parametrize("code", [code for kind, code in BLOCKS if kind == "python"])
def test_python_blocks_run(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


@pytest.mark.parametrize("text", [code for kind, code in BLOCKS if kind == "toml"])
def test_toml_blocks_are_configurations(text: str, tmp_path: Path) -> None:
    from toolkit.bootstrap import files, layers

    (tmp_path / "toolkit.toml").write_text(text)
    layers.merge(files.find(tmp_path, environ={}), environ={})


@pytest.mark.parametrize("text", [code for kind, code in BLOCKS if kind == "json"])
def test_json_blocks_parse(text: str) -> None:
    import json

    json.loads(text)


@pytest.mark.slow
def test_shell_blocks_run_in_order(tmp_path: Path) -> None:
    """One shell, one folder, the lines as they stand; the first that fails ends it."""
    (tmp_path / "churn.csv").write_text(small_csv())
    lines = [line for kind, code in BLOCKS if kind == "sh" for line in code.splitlines()]
    script = "\n".join(["set -euo pipefail", *map(_carried_out, lines)])
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    subprocess.run(["bash", "-c", "toolkit destroy --yes || true"], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def _carried_out(line: str) -> str:
    word = line.split(" ", 1)[0]
    if word not in INSTEAD:
        return line
    return INSTEAD[word].format(root=readme.ROOT, python=sys.executable) + " " + line.partition(" ")[2]
