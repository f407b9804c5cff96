"""Deploying, killed at every action and at every request that changes something: the same command again converges, and
nothing is left that nobody knows of. What differs from cloud to cloud stands in test_deploy_<cloud>.py."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from tests.lifecycle.shop import Shop
from tests.lifecycle.test_deploy import Died, Dying, tiny, version
from toolkit import resources
from toolkit.lifecycle import deploy, destroy, lock, naming, status
from toolkit.packaging import bundle
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Fault, Proxy

READS = {"GET", "HEAD"}
ACTIONS = 7
DEPLOYER = """
import importlib, json, sys
from pathlib import Path
from tests.lifecycle.test_deploy import tiny
from toolkit.lifecycle import deploy
from toolkit.packaging import bundle
opened = importlib.import_module(sys.argv[1]).opened
folder, settings = Path(sys.argv[2]), json.loads(sys.argv[3])
bundle.build = lambda spec: tiny(spec, folder)
shop = opened(folder, settings)
print("ready", flush=True)
deploy.run(shop.ctx)
"""


class Wire:
    """Dies at the n-th request that may change something, before it is sent or after it was answered; whatever comes
    later dies too, as it would in a process that is gone."""

    def __init__(self, send: Callable[..., Any], at: int, after: bool) -> None:
        self._asked = 0
        self._send, self._at, self._after = send, at, after

    def __call__(self, transport: Any, request: Any, **how: Any) -> Any:
        self._asked += request.method not in READS
        dies = self._asked >= self._at
        if dies and not (self._after and self._asked == self._at and request.method not in READS):
            raise Died
        answer = self._send(transport, request, **how)
        if dies:
            if hasattr(answer, "close"):
                answer.close()
            raise Died
        return answer


class KilledDeploys:
    """Give the fixture `site`, the settings of what an operator has made for the shop, once for the module, and what
    follows."""

    places: ClassVar[Sequence[str]]  # parts of targets at which a process is killed
    place: ClassVar[str]  # the one of them that the gate takes
    actions: ClassVar[Collection[tuple[int, bool]]] = [(at, True) for at in range(ACTIONS)]  # that the gate takes
    requests: ClassVar[int]  # a deployment changes something by more than so many
    nothing: ClassVar[dict[str, Any]]  # what is left behind when nothing is

    @staticmethod
    def opened(folder: Path, settings: Settings) -> Shop:
        """That of the module: a process of its own imports it."""
        raise NotImplementedError

    def address(self) -> str:
        """Of the cloud's emulator."""
        raise NotImplementedError

    def left_behind(self, site: Settings) -> dict[str, Any]:
        """All of the target's at the cloud itself: `functions` with their versions, and the rest of it."""
        raise NotImplementedError

    def as_wanted(self, found: dict[str, Any]) -> None:
        """What is there of a deployment and nothing that nobody asked for."""
        raise NotImplementedError

    def transport(self) -> Any:
        """The class whose `send(self, request, **how)` every request of the cloud's SDK goes through."""
        raise NotImplementedError

    def gone(self, shop: Shop, site: Settings) -> None:
        destroy.run(shop.ctx)
        assert self.left_behind(site) == self.nothing

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        def marked(value: Any, gate: bool, name: str | None = None) -> Any:
            return pytest.param(*value, id=name, marks=() if gate else pytest.mark.exhaustive)

        if "place" in metafunc.fixturenames:
            metafunc.parametrize("place", [marked((one,), one == self.place) for one in self.places])
        if metafunc.function.__name__ == "test_killed_at_an_action":
            each = [(at, after) for at in range(ACTIONS) for after in (False, True)]
            words = {False: "before", True: "after"}
            metafunc.parametrize(
                ("at", "after"), [marked(one, one in self.actions, f"{one[0]}-{words[one[1]]}") for one in each]
            )

    @pytest.fixture
    def shop(self, site: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
        """With a champion and nothing deployed, in a folder of the bucket of its own."""
        monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
        made = self.opened(tmp_path, {**site, "prefix": f"shop-{uuid4().hex[:8]}"})
        version(made, 1)
        yield made
        self.gone(made, site)

    def converges(self, shop: Shop, site: Settings) -> None:
        """The same command again, and all is as if nothing had happened."""
        done = deploy.run(shop.ctx)
        assert done.release.function_version == "1"
        assert naming.releases(shop.ctx).pending() == ()
        assert deploy.plan(shop.ctx).changes == ()
        assert status.run(shop.ctx)["endpoints"][0]["state"] == "ready"
        found = self.left_behind(site)
        assert len(found["functions"]) == 2
        self.as_wanted(found)

    def test_killed_at_an_action(
        self, shop: Shop, site: Settings, at: int, after: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        count = iter(range(100))
        with monkeypatch.context() as dying:
            for name, kind in resources.KINDS.items():
                dying.setitem(resources.KINDS, name, Dying(kind, count, at, after))
            with pytest.raises(Died):
                deploy.run(shop.ctx)
        self.converges(shop, site)

    @pytest.mark.exhaustive
    @pytest.mark.timeout(1500)
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    def test_killed_at_every_request_that_changes_something(
        self, site: Settings, tmp_path: Path, after: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transport = self.transport()
        send = transport.send
        monkeypatch.setattr(bundle, "build", lambda spec: tiny(spec, tmp_path))
        monkeypatch.setattr(lock, "_died_here", lambda holder: True)
        at, died = 0, True
        while died:
            at += 1
            folder = tmp_path / str(at)
            folder.mkdir()
            shop = self.opened(folder, {**site, "prefix": f"shop-{uuid4().hex[:8]}"})
            version(shop, 1)
            wire = Wire(send, at, after)
            with monkeypatch.context() as dying:
                dying.setattr(transport, "send", lambda own, request, **how: wire(own, request, **how))  # noqa: B023
                try:
                    deploy.run(shop.ctx)
                    died = False
                except Died:
                    pass
            self.converges(shop, site)
            self.gone(shop, site)
        assert at > self.requests

    def test_a_process_that_is_really_killed(self, shop: Shop, site: Settings, place: str, tmp_path: Path) -> None:
        """SIGKILL when the cloud has done what was asked and before the answer arrives."""
        process: list[subprocess.Popen[str]] = []

        def plan(number: int, method: str, target: str) -> Fault | None:
            if method not in READS and place in target and process and process[0].returncode is None:
                os.kill(process[0].pid, signal.SIGKILL)
            return None

        folder = tmp_path / "killed"
        folder.mkdir()
        prefix = shop.ctx.bindings["store"].settings["prefix"]
        with Proxy(self.address(), plan) as proxy:
            settings = {**site, "prefix": prefix, "endpoint": proxy.address, "services_endpoint": proxy.address}
            process.append(
                subprocess.Popen(
                    [sys.executable, "-c", DEPLOYER, self.opened.__module__, str(folder), json.dumps(settings)],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
                )
            )  # fmt: skip
            _, said = process[0].communicate(timeout=120)
            assert process[0].returncode == -signal.SIGKILL, said
            assert any(place in line for line in proxy.seen)
            shutil.rmtree(folder / "project")
            self.converges(self.opened(folder, settings), site)
