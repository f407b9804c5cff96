"""The emulator as a person has it: by the fixture `cloud`, by `toolkit dev`, and with its strictness of tokens."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.adapters.azure import microsoft
from tests.support import Shell
from toolkit.adapters.azure.client import EMULATED_TOKEN, Arm
from toolkit.adapters.azure.settings import EMULATED_ACCOUNT
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import Throttled
from toolkit.testing import plugin
from toolkit.testing.faultproxy import Refused
from toolkit.testing.plugin import MakeCloud

TOKEN = {"Authorization": f"Bearer {EMULATED_TOKEN}"}
cloud = plugin.cloud  # here too where the installed package has no entry point yet
TOOLKIT = [sys.executable, "-m", "toolkit"]


@pytest.mark.slow
def test_a_project_of_somebodys_own(cloud: MakeCloud, tmp_path: Path) -> None:
    azure = cloud("azure")
    (tmp_path / "toolkit.toml").write_text('name = "mine"\n' + azure.target("test", project="mine"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*TOOLKIT, *arguments, "-t", "test"]
        return subprocess.run(command, cwd=tmp_path, env=azure.environment, capture_output=True, text=True, timeout=120)

    listed = run("secrets", "ls")
    assert listed.returncode == 0, listed.stderr
    told = run("doctor")
    assert "store works" in told.stdout, told.stdout + told.stderr
    assert "azure key vault" in told.stdout
    assert told.returncode == 0, told.stdout


def test_a_busy_cloud(cloud: MakeCloud) -> None:
    azure = cloud("azure", faults=lambda number, method, target: None)
    azure.target("test", project="mine")
    store = open_store(azure.settings("test", project="mine"))
    store.put("a", b"1")
    assert azure.proxy is not None
    azure.proxy.begin(lambda number, method, target: Refused(503, "ServerBusy"))
    with pytest.raises(Throttled):
        store.put("b", b"2")
    assert azure.proxy.count("PUT") == 1


@pytest.mark.slow
def test_dev_plays_the_target_and_forgets_it(shell: Shell, tmp_path: Path) -> None:
    config = 'name = "mine"\n[targets.here]\nprovider = "azure"\n[targets.here.azure]\nemulator = "azure"\n'
    (tmp_path / "toolkit.toml").write_text(config)
    try:
        assert shell.ok("dev -t here --background --json", tmp_path).data["running"]
        assert shell.ok("secrets ls -t here", tmp_path).code == 0
    finally:
        shell.ok("dev -t here --stop", tmp_path)
    assert shell.run("secrets ls -t here", tmp_path).code == 7


def test_storage_wants_a_token_and_a_version() -> None:
    url = f"{microsoft.address()}/{EMULATED_ACCOUNT}/some-container?restype=container"
    version = {"x-ms-version": "2025-11-05"}
    assert requests.put(url, timeout=10).status_code == 401
    assert requests.put(url, headers={"Authorization": "Bearer guessed", **version}, timeout=10).status_code == 401
    assert requests.put(url, headers=TOKEN, timeout=10).status_code == 400
    assert requests.put(url, headers={**TOKEN, **version}, timeout=10).status_code == 201


def test_a_managed_identity_gets_tokens_for_one_service_each() -> None:
    """By the endpoint that azure-identity asks, which only what runs here knows the secret of."""
    url = f"{microsoft.address()}/msi/token?api-version=2019-08-01&resource=https://vault.azure.net"
    assert requests.get(url, timeout=10).status_code == 401
    assert requests.get(url, headers={"X-IDENTITY-HEADER": "guessed"}, timeout=10).status_code == 401


def test_an_operation_takes_two_looks() -> None:
    settings = microsoft.settings()
    arm = Arm(settings)
    answer = arm.call("make", "PUT", arm.group, "2024-07-01", {"location": "westeurope"})
    url = answer.headers["azure-asyncoperation"]
    looks = [requests.get(url, headers=TOKEN, timeout=10).json()["status"] for _ in range(3)]
    assert looks == ["InProgress", "Succeeded", "Succeeded"]


def test_nothing_is_made_in_a_group_that_is_not_there() -> None:
    from toolkit.domain.errors import ConfigError

    arm = Arm(microsoft.settings(resource_group="nobody-made-it"))
    with pytest.raises(ConfigError, match="ResourceGroupNotFound"):
        arm.change("make", "PUT", arm.path("Microsoft.ManagedIdentity/userAssignedIdentities", "me"), "2024-11-30",
                   {"location": "westeurope"})  # fmt: skip


@pytest.mark.slow
def test_the_storage_emulator_ends_with_who_started_it() -> None:
    """Also when that was killed and could end nothing."""
    starts = """if True:
        import os, signal
        from toolkit.adapters.azure.emulator.azurite import Azurite
        print(Azurite("account", {}).port, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    said = subprocess.run([sys.executable, "-c", starts], capture_output=True, text=True, timeout=90)
    assert said.returncode == -9, said.stderr
    for _ in range(100):
        try:
            requests.get(f"http://127.0.0.1:{int(said.stdout)}/account", timeout=5)
        except requests.ConnectionError:
            return
        time.sleep(0.05)
    raise AssertionError("Azurite goes on alone")
