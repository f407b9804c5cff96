"""Deploying on Google Cloud, killed at every action and at every request that changes something: the same command again
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

from tests.adapters.gcp import google
from tests.lifecycle.shop import Shop, make_shop
from tests.lifecycle.test_deploy import Died, Dying, tiny, version
from toolkit import resources
from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.emulator.containers import own_python
from toolkit.adapters.gcp.function_service import NAME, TAGS
from toolkit.adapters.gcp.operator.bootstrap import open_operator
from toolkit.adapters.gcp.settings import GcpSettings
from toolkit.lifecycle import deploy, destroy, lock, naming, status
from toolkit.packaging import bundle
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Fault, Proxy

pytestmark = pytest.mark.slow
READS = {"GET", "HEAD"}
ACTIONS = 7


@pytest.fixture(scope="module")
def site() -> Settings:
    """What an operator has made for the shop."""
    address = google.address()
    given = {
        "project": f"shop-{uuid4().hex[:12]}", "region": "europe-west1", "bucket": f"bucket-{uuid4().hex[:12]}",
        "endpoint": address, "services_endpoint": address,
    }  # fmt: skip
    context = {"project": "shop", "target": "test"}
    settings = GcpSettings.model_validate(given, context=context).model_dump(mode="json")
    operator = open_operator(settings, {"managed-by": "toolkit", **context})
    for action in operator.plan().changes:
        operator.carry_out(action)
    return settings


@pytest.fixture
def shop(site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """With a champion and nothing deployed, in a folder of the bucket of its own."""
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    made = opened(tmp_path, {**site, "prefix": f"shop-{uuid4().hex[:8]}"})
    version(made, 1)
    yield made
    destroy.run(made.ctx)
    assert left_behind(site) == {"functions": {}, "schedules": []}


def opened(folder: Path, settings: Settings) -> Shop:
    client.emulated.add(settings["endpoint"])
    made = make_shop(folder, provider="gcp", settings=dict(settings))
    # The emulator has images with its own Python only.
    return made.configure(serve=made.ctx.project.serve.model_copy(update={"python": own_python()}))


def left_behind(site: Settings) -> dict[str, Any]:
    """All of the target's at Google itself: services with their revisions, schedules."""
    run = client.Api("run.googleapis.com", "v2", site["services_endpoint"])
    scheduler = client.Api("cloudscheduler.googleapis.com", "v1", site["services_endpoint"])
    parent = f"projects/{site['project']}/locations/{site['region']}"
    functions = {}
    for found in run.pages("look", f"{parent}/services", "services"):
        assert json.loads(found["annotations"][TAGS])["project"] == "shop"
        revisions = run.pages("look", f"{found['name']}/revisions", "revisions")
        functions[found["annotations"][NAME]] = [one["name"].rpartition("-")[2] for one in revisions]
    schedules = [one["name"] for one in scheduler.pages("look", f"{parent}/jobs", "jobs")]
    return {"functions": functions, "schedules": schedules}


def converges(shop: Shop, site: Settings) -> None:
    """The same command again, and all is as if nothing had happened."""
    done = deploy.run(shop.ctx)
    assert done.release.function_version == "1"
    assert naming.releases(shop.ctx).pending() == ()
    assert deploy.plan(shop.ctx).changes == ()
    assert status.run(shop.ctx)["endpoints"][0]["state"] == "ready"
    found = left_behind(site)
    assert len(found["functions"]) == 2
    assert set(map(tuple, found["functions"].values())) == {("v1",)}, "no version that nobody asked for"
    assert len(found["schedules"]) == 1


@pytest.mark.parametrize("after", [pytest.param(False, marks=pytest.mark.exhaustive), True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(ACTIONS))
def test_killed_at_an_action(shop: Shop, site: Settings, at: int, after: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(100))
    with monkeypatch.context() as dying:
        for name, kind in resources.KINDS.items():
            dying.setitem(resources.KINDS, name, Dying(kind, count, at, after))
        with pytest.raises(Died):
            deploy.run(shop.ctx)
    converges(shop, site)


class Wire:
    """Dies at the n-th request that may change something, before it is sent or after it was answered; whatever comes
    later dies too, as it would in a process that is gone."""

    def __init__(self, send: Callable[..., Any], at: int = 0, after: bool = False) -> None:
        self.asked = 0
        self._send, self._at, self._after = send, at, after

    def __call__(self, adapter: Any, request: Any, **how: Any) -> Any:
        self.asked += request.method not in READS
        dies = self._at and self.asked >= self._at
        if dies and not (self._after and self.asked == self._at and request.method not in READS):
            raise Died
        answer = self._send(adapter, request, **how)
        if dies:
            answer.close()
            raise Died
        return answer


@pytest.mark.exhaustive
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_every_request_that_changes_something(
    site: Settings, tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send
    monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
    monkeypatch.setattr(lock, "_died_here", lambda holder: True)
    at, died = 0, True
    while died:
        at += 1
        folder = tmp_path / str(at)
        folder.mkdir()
        shop = opened(folder, {**site, "prefix": f"shop-{uuid4().hex[:8]}"})
        version(shop, 1)
        wire = Wire(send, at, after)
        with monkeypatch.context() as dying:
            dying.setattr(HTTPAdapter, "send", lambda adapter, request, **how: wire(adapter, request, **how))  # noqa: B023
            try:
                deploy.run(shop.ctx)
                died = False
            except Died:
                pass
        converges(shop, site)
        destroy.run(shop.ctx)
        assert left_behind(site) == {"functions": {}, "schedules": []}, at
    assert at > 20


DEPLOYER = """
import json, sys
from pathlib import Path
from tests.lifecycle.test_deploy import tiny
from tests.lifecycle.test_deploy_gcp import opened
from toolkit.lifecycle import deploy
from toolkit.packaging import bundle
folder, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
bundle.build = lambda spec: tiny(spec, folder)
shop = opened(folder, settings)
print("ready", flush=True)
deploy.run(shop.ctx)
"""
PLACES = ["/services", "etIamPolicy", "cloudscheduler", "/upload/"]  # what goes up has its name in its body


@pytest.mark.parametrize(
    "place", [pytest.param(place, marks=() if place == "/services" else pytest.mark.exhaustive) for place in PLACES]
)
def test_a_process_that_is_really_killed(shop: Shop, site: Settings, place: str, tmp_path: Path) -> None:
    """SIGKILL when Google has done what was asked and before the answer arrives."""
    process: list[subprocess.Popen[str]] = []

    def plan(number: int, method: str, target: str) -> Fault | None:
        if method not in READS and place in target and process and process[0].returncode is None:
            os.kill(process[0].pid, signal.SIGKILL)
        return None

    folder = tmp_path / "killed"
    folder.mkdir()
    prefix = shop.ctx.bindings["store"].settings["prefix"]
    with Proxy(google.address(), plan) as proxy:
        settings = {**site, "prefix": prefix, "endpoint": proxy.address, "services_endpoint": proxy.address}
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
        converges(opened(folder, settings), site)
