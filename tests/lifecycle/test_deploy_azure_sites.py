"""Deploying to Azure Functions, killed at every action, at every request that changes something, and really: the same
command again converges, and nothing is left that nobody knows of."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.adapters.azure import microsoft, site
from tests.lifecycle.shop import Shop
from tests.lifecycle.test_deploy import Died, Dying, tiny, version
from tests.lifecycle.test_deploy_azure import ACTIONS, DEPLOYER, READS, Wire, opened
from toolkit import resources
from toolkit.adapters.azure import client
from toolkit.adapters.azure.sites_body import SITES, VERSION
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import NotFound
from toolkit.lifecycle import deploy, destroy, lock, naming, status
from toolkit.packaging import bundle
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Fault, Proxy

pytestmark = pytest.mark.slow
OWN = ("azure-functions/", "azure-timers/")  # records of versions and of schedules


@pytest.fixture(scope="module")
def where() -> Settings:
    """What an operator has made for the shop."""
    return site.make(stem="shop-test", resource_group=f"shop-{uuid4().hex[:8]}", functions="functions")


@pytest.fixture
def shop(where: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """With a champion and nothing deployed, in a folder of the container of its own."""
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    made = opened(tmp_path, {**where, "prefix": f"shop-{uuid4().hex[:8]}"})
    version(made, 1)
    yield made
    gone(made, where)


def gone(shop: Shop, where: Settings) -> None:
    """Nothing of it is left: no app, no plan, no record."""
    arm = client.Arm(where)
    names = [one["name"] for one in apps(where)]
    destroy.run(shop.ctx)
    assert apps(where) == []
    for name in names:
        with pytest.raises(NotFound):
            arm.get("look at the plan", arm.path("Microsoft.Web/serverfarms", name), VERSION)
    store = open_store(shop.ctx.bindings["store"].settings)
    assert [meta.key for folder in OWN for meta in store.list(folder)] == []


def apps(where: Settings) -> list[dict[str, Any]]:
    arm = client.Arm(where)
    return list(arm.pages("list", arm.path(SITES, "").rstrip("/"), VERSION))


def timers(where: Settings) -> list[str]:
    """The schedules that the apps are told."""
    arm = client.Arm(where)
    told = [arm.call("look", "POST", f"{app['id']}/config/appsettings/list", VERSION).body for app in apps(where)]
    return [one["name"] for app in told for one in json.loads(app["properties"].get("TOOLKIT_TIMERS", "[]"))]


def converges(shop: Shop, where: Settings) -> None:
    """The same command again, and all is as if nothing had happened."""
    done = deploy.run(shop.ctx)
    assert done.release.function_version == "1"
    assert naming.releases(shop.ctx).pending() == ()
    assert deploy.plan(shop.ctx).changes == ()
    assert status.run(shop.ctx)["endpoints"][0]["state"] == "ready"
    assert len(apps(where)) == 2
    assert len(timers(where)) == 1


@pytest.mark.parametrize(
    ("at", "after"),
    [
        pytest.param(at, after, marks=() if (at, after) == (6, True) else pytest.mark.exhaustive)
        for at in range(ACTIONS)
        for after in (False, True)
    ],
)
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
        gone(shop, where)
    assert at > 25


PLACES = ["/serverfarms/", "/api/publish", "/config/appsettings?", "/authsettingsV2", "/tags/default", "azure-timers/"]


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=() if place == "/api/publish" else pytest.mark.exhaustive) for place in PLACES]
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
