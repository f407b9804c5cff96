"""One command for several targets: each gets its turn, one that fails stops nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import Shell, small_csv

pytestmark = pytest.mark.slow

TARGETS = """
[targets.good]
provider = "local"
[targets.down]
provider = "aws"
[targets.down.aws]
emulator = "moto"
[targets.all]
targets = ["down", "good"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> Path:
    found = tmp_path_factory.mktemp("several")
    (found / "churn.csv").write_text(small_csv())
    module_shell.ok("init --from churn.csv --label churned --name churn", found)
    with (found / "toolkit.toml").open("a") as configuration:
        configuration.write(TARGETS)
    module_shell.ok("train -t good", found)
    return found


def test_what_is_down_is_reported_and_stops_nobody_else(folder: Path, shell: Shell) -> None:
    done = shell.run("promote -t all --yes", folder)
    assert done.code == 7
    assert (
        "down:\n  error: the emulator of aws for target 'down' is not running\n  next: toolkit dev -t down" in done.err
    )
    assert done.out.startswith("good:\n  churn version 1 is champion")


def test_one_document(folder: Path, shell: Shell) -> None:
    done = shell.run("status -t all --json", folder)
    (line,) = done.out.splitlines()
    said = json.loads(line)
    assert (done.code, said["schema"], said["ok"]) == (7, "toolkit/targets.v1", False)
    assert said["data"]["down"]["error"]["code"] == "Unavailable"
    assert said["data"]["good"]["schema"] == "toolkit/status.v1"
    assert said["data"]["good"]["data"]["model"]["aliases"]


def test_what_asks_for_one_says_so(folder: Path, shell: Shell) -> None:
    done = shell.run("train -t all", folder)
    assert (done.code, "stands for down, good: this asks for one" in done.err) == (2, True)
