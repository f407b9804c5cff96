"""Deploying on Azure, killed at every action and at every request that changes something: the same command again
converges, and nothing is left that nobody knows of."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.adapters.azure import microsoft, site
from tests.lifecycle.shop import Shop, make_shop
from tests.lifecycle.test_deploy import Died, Dying, tiny, version
from toolkit import resources
from toolkit.adapters.azure import client
from toolkit.adapters.azure.arm_apps import APPS, JOBS, Apps
from toolkit.lifecycle import deploy, destroy, lock, naming, status
from toolkit.packaging import bundle
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Fault, Proxy

pytestmark = pytest.mark.slow
READS = {"GET", "HEAD"}
ACTIONS = 7
NOTHING: dict[str, Any] = {"functions": {}, "jobs": []}


@pytest.fixture(scope="module")
def where() -> Settings:
    """What an operator has made for the shop."""
    return site.make(stem="shop-test", resource_group=f"shop-{uuid4().hex[:8]}")


@pytest.fixture
def shop(where: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """With a champion and nothing deployed, in a folder of the container of its own."""
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    made = opened(tmp_path, {**where, "prefix": f"shop-{uuid4().hex[:8]}"})
    version(made, 1)
    yield made
    destroy.run(made.ctx)
    assert left_behind(where) == NOTHING


def opened(folder: Path, settings: Settings) -> Shop:
    """On the Python that runs the emulator: there is no other image here."""
    shop = make_shop(folder, provider="azure", settings=dict(settings))
    shop.ctx.providers["azure"] = replace(shop.ctx.providers["azure"], function_python="host")
    return shop


def left_behind(where: Settings) -> dict[str, Any]:
    """All of the target's at Azure itself: apps with their revisions, and jobs."""
    apps = Apps(where)
    functions = {}
    for app in apps.pages("list", apps.arm.path(APPS, "").rstrip("/")):
        functions[app["name"]] = [one["name"] for one in apps.pages("list", f"{app['id']}/revisions")]
    return {
        "functions": functions,
        "jobs": [job["name"] for job in apps.pages("list", apps.arm.path(JOBS, "").rstrip("/"))],
    }


def converges(shop: Shop, where: Settings) -> None:
    """The same command again, and all is as if nothing had happened."""
    done = deploy.run(shop.ctx)
    assert done.release.function_version == "1"
    assert naming.releases(shop.ctx).pending() == ()
    assert deploy.plan(shop.ctx).changes == ()
    assert status.run(shop.ctx)["endpoints"][0]["state"] == "ready"
    found = left_behind(where)
    assert len(found["functions"]) == 2
    assert all(revisions == [f"{app}--v1"] for app, revisions in found["functions"].items()), found
    assert len(found["jobs"]) == 1, "the schedule"


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.exhaustive), True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(ACTIONS))
def test_killed_at_an_action(
    shop: Shop, where: Settings, at: int, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = iter(range(100))
    with monkeypatch.context() as dying:
        for name, kind in resources.KINDS.items():
            dying.setitem(resources.KINDS, name, Dying(kind, count, at, after))
        with pytest.raises(Died):
            deploy.run(shop.ctx)
    converges(shop, where)


class Wire:
    """Dies at the n-th request that may change something, before it is sent or after it was answered; whatever comes
    later dies too, as it would in a process that is gone."""

    def __init__(self, send: Callable[..., Any], at: int = 0, after: bool = False) -> None:
        self.asked = 0
        self._send, self._at, self._after = send, at, after

    def __call__(self, transport: Any, request: Any, **more: Any) -> Any:
        self.asked += request.method not in READS
        dies = self._at and self.asked >= self._at
        if dies and not (self._after and self.asked == self._at and request.method not in READS):
            raise Died
        answer = self._send(transport, request, **more)
        if dies:
            raise Died
        return answer


@pytest.mark.exhaustive
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_request_that_changes_something(
    where: Settings, tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.core.pipeline.transport import RequestsTransport

    send = RequestsTransport.send
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    monkeypatch.setattr(lock, "_died_here", lambda holder: True)
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        shop = opened(folder, {**where, "prefix": f"shop-{uuid4().hex[:8]}"})
        version(shop, 1)
        wire = Wire(send, at, after)
        with monkeypatch.context() as dying:
            dying.setattr(RequestsTransport, "send", lambda self, request, **more: wire(self, request, **more))  # noqa: B023
            try:
                deploy.run(shop.ctx)
                died = False
            except Died:
                pass
        converges(shop, where)
        destroy.run(shop.ctx)
        assert left_behind(where) == NOTHING, at
    assert at > 25


DEPLOYER = """
import json, sys
from pathlib import Path
from tests.lifecycle.test_deploy import tiny
from tests.lifecycle.test_deploy_azure import opened
from toolkit.adapters.azure import client
from toolkit.lifecycle import deploy
from toolkit.packaging import bundle
folder, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
client.emulated.add(settings["endpoint"])
bundle.build = lambda spec: tiny(spec, folder)
shop = opened(folder, settings)
print("ready", flush=True)
deploy.run(shop.ctx)
"""
PLACES = ["/containerApps/", "/authConfigs/", "/jobs/", "journal/"]


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=() if place == "/authConfigs/" else pytest.mark.exhaustive) for place in PLACES]
)
def test_a_process_that_is_really_killed(shop: Shop, where: Settings, place: str, tmp_path: Path) -> None:
    """SIGKILL when Azure has done what was asked and before the answer arrives."""
    process: list[subprocess.Popen[str]] = []

    def plan(number: int, method: str, target: str) -> Fault | None:
        if method not in READS and place in target and process and process[0].returncode is None:
            os.kill(process[0].pid, signal.SIGKILL)
        return None

    folder = tmp_path / "killed"
    folder.mkdir()
    prefix = shop.ctx.bindings["store"].settings["prefix"]
    with Proxy(microsoft.address(), plan) as proxy:
        client.emulated.add(proxy.address)
        settings = {**where, "prefix": prefix, "endpoint": proxy.address, "services_endpoint": proxy.address}
        process.append(
            subprocess.Popen(
                [sys.executable, "-c", DEPLOYER, str(folder), json.dumps(settings)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            )
        )  # fmt: skip
        _, said = process[0].communicate(timeout=120)
        assert process[0].returncode == -signal.SIGKILL, said
        assert any(place in line for line in proxy.seen)
        shutil.rmtree(folder / "project")
        converges(opened(folder, settings), where)
