"""A signed model in the bucket, promoted and rolled back under the same running function, by the commands.

The same story wherever functions run: on a cloud the endpoint's identity reads what is released and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import Done, Shell, small_csv

SETTINGS = "\n[serve]\nswap_seconds = 0.5\n"
BUCKET = 'model = "bucket"\n'
# target -> its table, and what is said of where the model lies; function apps have one deploy at a time, so nothing is
TARGETS = {
    "local": ("", BUCKET),
    "aws-local": ('provider = "aws"\naws = { emulator = "moto" }\n', BUCKET),
    "gcp-local": ('provider = "gcp"\ngcp = { emulator = "google" }\n', BUCKET),
    "azure-local": ('provider = "azure"\nazure = { emulator = "azure" }\n', BUCKET),
    "azure-functions": ('provider = "azure"\nazure = { emulator = "azure", functions = "functions" }\n', ""),
}
IN_FULL = {"gcp-local", "azure-local"}  # with `make test-all` only: the gate has to stay quick


@pytest.fixture(params=[pytest.param(t, marks=[pytest.mark.exhaustive] * (t in IN_FULL)) for t in TARGETS])
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    project = tmp_path / "churn"
    project.mkdir()
    (project / "churn.csv").write_text(small_csv())
    shell.ok("init --from churn.csv --label churned", project)
    text = (project / "toolkit.toml").read_text()
    assert "[serve]" not in text
    table, model = TARGETS[target]
    (project / "toolkit.toml").write_text(text + SETTINGS + model + (f"\n[targets.{target}]\n{table}" if table else ""))
    yield project
    shell.run(f"destroy --yes -t {target}", project)
    if target != "local":
        shell.run(f"dev --stop -t {target}", project)


def serves(ok: Callable[[str], Done], version: int) -> None:
    until, found = time.monotonic() + 60, 0
    while found != version and time.monotonic() < until:
        found = ok("invoke --sample 1 --json").data["version"]
        time.sleep(0.2)
    assert found == version


def refused(done: Done, says: str) -> None:
    assert done.code == 6, (done.code, done.err)
    assert says in done.err


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_signed_deployed_promoted_and_rolled_back_without_a_redeploy(target: str, folder: Path, shell: Shell) -> None:
    def ok(line: str) -> Done:
        return shell.ok(f"{line} -t {target}", folder)

    def run(line: str) -> Done:
        return shell.run(f"{line} -t {target}", folder)

    if target != "local":
        ok("dev --background")
    ok("train")
    ok("promote --yes")
    if BUCKET in TARGETS[target]:
        refused(run("deploy --yes"), "needs a trusted key")
    ok("keys create")
    refused(run("deploy --yes"), "toolkit keys sign 1")
    ok("keys sign 1")
    ok("deploy --yes")
    serves(ok, 1)
    assert ok("train --again --json").data["version"] == 2
    if target != "local":  # there the job was beside the key
        ok("keys sign 2")
    assert ok("models verify 2").code == 0
    promoted = ok("promote --yes --no-gates --reason later --json").data
    assert promoted["endpoint"] == "churn"
    serves(ok, 2)
    assert ok("status --json").data["endpoints"][0]["version"] == 2
    assert run("plan --exit-code").code == 0, "a promotion changes nothing that is deployed"
    ok("rollback")
    serves(ok, 1)
    (key,) = ok("keys list --json").data["keys"]
    ok(f"keys revoke {key['id']} --yes --reason lost")
    refused(run("deploy --yes"), "was revoked")
    assert run("models verify 1").code == 1
    assert ok("audit verify --json").data["findings"] == []
