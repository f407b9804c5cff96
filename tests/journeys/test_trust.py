"""A signed model in the bucket, promoted and rolled back under the same running function, by the commands."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support import Done, Shell, small_csv

SETTINGS = '\n[serve]\nmodel = "bucket"\nswap_seconds = 0.5\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    project = tmp_path / "churn"
    project.mkdir()
    (project / "churn.csv").write_text(small_csv())
    shell.ok("init --from churn.csv --label churned", project)
    text = (project / "toolkit.toml").read_text()
    assert "[serve]" not in text
    (project / "toolkit.toml").write_text(text + SETTINGS)
    return project


def serves(shell: Shell, folder: Path, version: int) -> None:
    until, found = time.monotonic() + 20, 0
    while found != version and time.monotonic() < until:
        found = shell.ok("invoke --sample 1 --json", folder).data["version"]
        time.sleep(0.2)
    assert found == version


def refused(done: Done, says: str) -> None:
    assert done.code == 6, (done.code, done.err)
    assert says in done.err


@pytest.mark.slow
def test_signed_deployed_promoted_and_rolled_back_without_a_redeploy(folder: Path, shell: Shell) -> None:
    try:
        shell.ok("train", folder)
        shell.ok("promote --yes", folder)
        refused(shell.run("deploy --yes", folder), "needs a trusted key")
        shell.ok("keys create", folder)
        refused(shell.run("deploy --yes", folder), "toolkit keys sign 1")
        shell.ok("keys sign 1", folder)
        shell.ok("deploy --yes", folder)
        serves(shell, folder, 1)
        assert shell.ok("train --again --json", folder).data["version"] == 2
        assert shell.ok("models verify 2", folder).code == 0
        promoted = shell.ok("promote --yes --no-gates --reason later --json", folder).data
        assert promoted["endpoint"] == "churn"
        serves(shell, folder, 2)
        assert shell.ok("status --json", folder).data["endpoints"][0]["version"] == 2
        assert shell.run("plan --exit-code", folder).code == 0, "a promotion changes nothing that is deployed"
        shell.ok("rollback", folder)
        serves(shell, folder, 1)
        (key,) = shell.ok("keys list --json", folder).data["keys"]
        shell.ok(f"keys revoke {key['id']} --yes --reason lost", folder)
        refused(shell.run("deploy --yes", folder), "was revoked")
        assert shell.run("models verify 1", folder).code == 1
        assert shell.ok("audit verify --json", folder).data["findings"] == []
    finally:
        shell.run("destroy --yes", folder)
