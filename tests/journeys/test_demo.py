"""The demo keeps its promises: drift is found, not staged; one retrain; a bad model is refused, pushed, rolled back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import Shell

STORY = ["project", "ingest", "train", "promote", "deploy", "invoke", "live data"]
END = ["train a bad one", "gates refuse it", "push it anyway", "roll back", "destroy"]


def told(shell: Shell, folder: Path, flags: str = "") -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    done = shell.ok(f"demo --dir {folder / 'demo'} --json --quiet {flags}", folder)
    document: dict[str, Any] = json.loads(done.out.splitlines()[-1])
    assert document["ok"] is True
    assert all(step["ok"] for step in document["data"]["steps"])
    return document["data"]  # type: ignore[no-any-return]  # JSON


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_season_drifts_and_one_retrain_follows(tmp_path: Path, shell: Shell) -> None:
    data = told(shell, tmp_path)
    names = [step["name"] for step in data["steps"]]
    assert names[: len(STORY)] == STORY
    assert names[-len(END) :] == END
    assert data["drift"]["verdict"] == "drift"
    assert data["drift"]["incident"] == "open"
    assert data["retrains"] == 1
    assert data["rows"] >= 100_000
    first, second, bad = data["models"]
    assert second["metrics"]["roc_auc"] > bad["metrics"]["roc_auc"]
    assert len({first["digest"], second["digest"], bad["digest"]}) == 3
    assert len(data["predictions_sha256"]) == 64


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_a_season_nothing_is_retrained(tmp_path: Path, shell: Shell) -> None:
    data = told(shell, tmp_path, "--shuffled")
    assert data["drift"]["verdict"] == "ok"
    assert data["retrains"] == 0
    assert "retrain" not in [step["name"] for step in data["steps"]]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, module_shell: Shell) -> dict[str, Any]:
    return told(module_shell, tmp_path_factory.mktemp("here"))


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "target",
    [
        "aws-local",
        "gcp-local",
        "azure-local",
        "azure-local --set 'targets.azure-local.azure.functions=\"functions\"'",  # one deploy instead of revisions
    ],
)
def test_on_a_cloud_played_here_it_is_the_same_story_to_the_last_prediction(
    target: str, here: dict[str, Any], tmp_path: Path, shell: Shell
) -> None:
    there = told(shell, tmp_path, f"-t {target}")
    for same in ("dataset", "models", "predictions_sha256", "rows", "retrains", "drift"):
        assert there[same] == here[same], same
    names = [step["name"] for step in there["steps"]]
    assert names[:2] == ["project", "emulator"]
    assert names[-1] == "stop"
