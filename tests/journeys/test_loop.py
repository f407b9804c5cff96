"""From a stranger's CSV file to a served, watched, rolled back and removed model, by the commands of the README."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support import Shell, small_csv


@pytest.mark.slow
def test_the_readme_loop(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "churn.csv").write_text(small_csv())
    try:
        walk(tmp_path, shell)
    finally:
        shell.run("destroy --yes", tmp_path)
    left = shell.run("status --json", tmp_path).data
    assert left["endpoints"] == []
    assert left["host"] is None
    assert left["schedules"] == []
    assert left["model"]["versions"] == 2  # the journal and the models stay


def walk(folder: Path, shell: Shell) -> None:
    written = shell.ok("init --from churn.csv --label churned --json", folder).data
    assert "toolkit.toml" in written["files"]
    first = shell.ok("train --json", folder).data
    assert first["version"] == 1
    assert shell.ok("train --json", folder).data["reused"] is True
    shell.ok("promote --yes", folder)
    deployed = shell.ok("deploy --yes --json", folder).data
    answers = shell.ok("invoke --sample 3 --json", folder).data
    assert len(answers["predictions"]) == 3
    assert {"id", "label", "probabilities"} <= set(answers["predictions"][0])
    assert shell.ok("drift --json", folder).data["report"]["verdict"] == "not enough data"
    files = shell.ok("drift --files churn.csv --json", folder).data["report"]
    assert (files["verdict"], files["rows"], files["window"]) == ("ok", 400, "churn.csv")
    assert "not enough data" in shell.ok("drift show --html drift.html", folder).out
    assert (folder / "drift.html").read_text().startswith("<!doctype html>")
    assert len(shell.ok("drift list --json", folder).data["reports"]) == 1
    assert shell.run("plan --exit-code", folder).code == 0, "nothing changes when nothing changed"
    only_the_token_opens(deployed["url"], shell.ok("token", folder).out.strip())
    second_version_and_back(folder, shell)
    assert shell.ok("audit verify --json", folder).data["findings"] == []
    assert shell.ok("models verify", folder).code == 0
    assert "model:" in shell.ok("lineage", folder).out
    assert "REPORT" in shell.ok("logs", folder).out


def only_the_token_opens(url: str, token: str) -> None:
    keys = {"nobody": {}, "wrong": {"Authorization": "Bearer wrong"}, "right": {"Authorization": f"Bearer {token}"}}
    for who, headers in keys.items():
        request = urllib.request.Request(f"{url}/healthz", headers=headers)
        try:
            status = urllib.request.urlopen(request, timeout=20).status
        except urllib.error.HTTPError as refused:
            status = refused.code
        assert status == 200 if who == "right" else status in {401, 403}, who


def second_version_and_back(folder: Path, shell: Shell) -> None:
    source = folder / "train.py"
    source.write_text(source.read_text() + "\n# another version of the code\n")
    assert shell.ok("train --json", folder).data["version"] == 2
    shell.ok("promote --yes", folder)
    plan = shell.ok("plan --json", folder).data["actions"]
    assert {a["action"] for a in plan if a["kind"] == "function"} == {"update"}
    shell.ok("deploy --yes", folder)
    assert shell.ok("invoke --sample 1 --json", folder).data["version"] == 2
    back = shell.ok("rollback --reason test --json", folder).data
    assert back["version"] == 1
    assert shell.ok("invoke --sample 1 --json", folder).data["version"] == 1
    status = shell.ok("status --json", folder).data
    assert status["endpoints"][0]["version"] == 1
    assert status["endpoints"][0]["state"] == "ready"
    assert "test" in status["endpoints"][0]["reason"]


@pytest.mark.slow
def test_two_deploys_at_once(tmp_path: Path, shell: Shell) -> None:
    (tmp_path / "churn.csv").write_text(small_csv())
    shell.ok("init --from churn.csv --label churned --name churn", tmp_path)
    shell.ok("train", tmp_path)
    shell.ok("promote --yes", tmp_path)
    from toolkit.bootstrap import open_context
    from toolkit.lifecycle.lock import exclusively

    with exclusively(open_context(tmp_path)):
        refused = shell.run("deploy --yes --json", tmp_path)
    assert refused.code == 5
    assert "tester" in json.loads(refused.out)["error"]["message"]
