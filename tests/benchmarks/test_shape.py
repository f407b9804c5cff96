"""Every file in `benchmarks/` prints one document of rows and ratios. The cheap ones are run; of the others only what
they take is asked, since their figures are nobody's test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import HERE, NAMES
from benchmarks.apparatus.aims import AIMS

ROOT = Path(__file__).resolve().parents[2]
LONG = ("command_line", "drift", "lifecycle")  # the rest needs the peers


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_aim_is_of_a_benchmark() -> None:
    assert set(NAMES) >= set(AIMS)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_takes_json_and_quick(name: str) -> None:
    text = run(str(HERE / f"{name}.py"), "--help")  # by its path, as people call it
    assert "--json" in text
    assert "--quick" in text


@pytest.mark.slow
def test_it_prints_rows_and_ratios() -> None:
    check(run("-m", "benchmarks.judge", "--json", "--streams", "3"))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", LONG)
def test_the_long_ones_print_rows_and_ratios(name: str) -> None:
    check(run("-m", f"benchmarks.{name}", "--json", "--quick"))


def check(printed: str) -> None:
    document: dict[str, Any] = json.loads(printed)
    assert set(document) == {"rows", "ratios"}
    assert document["rows"]
    assert document["ratios"]
    for row in document["rows"]:
        assert set(row) == {"name", "value", "unit"}
        assert isinstance(row["value"], float | int | None)
    assert all(isinstance(value, float | int) for value in document["ratios"].values())
