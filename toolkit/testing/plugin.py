"""The pytest plugin: `cloud`, a provider played on this machine, for the tests of people's own projects.

    def test_my_project_deploys(cloud, tmp_path):
        aws = cloud("aws")
        (tmp_path / "toolkit.toml").write_text('name = "mine"\\n' + aws.target("test", project="mine"))
        subprocess.run(["toolkit", "secrets", "ls", "-t", "test"], cwd=tmp_path, env=aws.environment, check=True)

The emulator starts with the first test that asks for it and ends with the session; what an operator would make (bucket,
roles, queues) is there for each project and target that `target` is asked for. `faults` puts a proxy in front:

    aws = cloud("aws", faults=["throttled", "reply lost"])        # the first requests meet these, in turn
    aws = cloud("aws", faults=lambda number, method, target: ...) # or a plan of `toolkit.testing.faultproxy`

Loading this plugin imports nothing but pytest: no SDK, and of this package nothing that is not light.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from toolkit.ports.emulator import Emulator
    from toolkit.ports.provider import Provider
    from toolkit.testing.faultproxy import Fault, Plan, Proxy

MakeCloud = Callable[..., "Cloud"]
FAULTS = ("reply lost", "503 after", "unavailable", "throttled", "expired token", "wrong region", "clock skew",
          "torn body", "reset", "slow")  # fmt: skip


@dataclass
class Cloud:
    """`address` is where requests go (of the proxy, if there are faults); `proxy.seen` and `proxy.begin(plan)` then
    tell and change what happens to them. `environment` is this process's, with the emulator's credentials in it."""

    provider: str
    emulator: str
    address: str
    environment: dict[str, str]
    proxy: Proxy | None
    _declared: Provider = field(repr=False)
    _played: Emulator = field(repr=False)
    _direct: str = field(repr=False)
    _prepared: set[tuple[str, str]] = field(default_factory=set, repr=False)

    def target(self, name: str, *, project: str) -> str:
        """The tables of toolkit.toml for this target of this project, whose operator's half is there afterwards."""
        if (project, name) not in self._prepared:
            self._prepare(name, project)
        return (
            f'[targets.{name}]\nprovider = "{self.provider}"\n\n[targets.{name}.{self.provider}]\n'
            f'emulator = "{self.emulator}"\nemulator_address = "{self.address}"\n'
        )

    def settings(self, name: str, *, project: str, address: str = "") -> dict[str, Any]:
        """What `open_<port>(settings)` of the provider takes."""
        context = {"project": project, "target": name, "directory": Path.cwd()}
        model = _named(self._declared.settings)
        given = model.model_validate({"emulator": self.emulator}, context=context).model_dump(mode="json")
        return self._played.connect(given, address or self.address)

    def _prepare(self, name: str, project: str) -> None:
        """Straight to the emulator: faults are for what is tested."""
        settings = self.settings(name, project=project, address=self._direct)
        if self._declared.operator:
            tags = {"managed-by": "toolkit", "project": project, "target": name}
            operator = _named(self._declared.operator)(settings, tags)
            for action in operator.plan().changes:
                operator.carry_out(action)
        self._played.prepare(settings)
        self._prepared.add((project, name))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exhaustive: the long variant of a suite's case; for a run of its own")


@pytest.fixture
def cloud() -> Iterator[MakeCloud]:
    """`cloud(provider, emulator="", faults=())` -> Cloud; `emulator` is the provider's first by default."""
    with ExitStack() as open_proxies:

        def make(provider: str, emulator: str = "", faults: Sequence[str] | Plan = ()) -> Cloud:
            return _make(provider, emulator, faults, open_proxies)

        yield make


def _make(name: str, emulator: str, faults: Sequence[str] | Plan, open_proxies: ExitStack) -> Cloud:
    from importlib import import_module

    from toolkit.testing.faultproxy import Proxy, first
    from toolkit.testing.servers import shared

    declared: Provider = import_module(f"toolkit.adapters.{name}").PROVIDER
    chosen = emulator or next(iter(declared.emulators), "")
    if chosen not in declared.emulators:
        known = ", ".join(declared.emulators) or "none"
        raise pytest.UsageError(f"{name} has no emulator {chosen!r}: there is {known}")
    played: Emulator = _named(declared.emulators[chosen])({})
    direct = shared(played.command)
    proxy = None
    if faults:
        plan = faults if callable(faults) else first(*map(_fault, faults))
        proxy = open_proxies.enter_context(Proxy(direct, plan))
    address = proxy.address if proxy else direct
    environment = {**os.environ, **played.environment(address)}
    return Cloud(name, chosen, address, environment, proxy, declared, played, direct)


def _fault(name: str) -> Fault:
    from toolkit.testing.faultproxy import Applied, Refused, Reset, Slow, Torn

    known: dict[str, Fault] = {
        "reply lost": Applied(),
        "503 after": Applied(503),
        "unavailable": Refused(503, "ServiceUnavailable"),
        "throttled": Refused(503, "SlowDown"),
        "expired token": Refused(400, "ExpiredToken"),
        "wrong region": Refused(301, "PermanentRedirect"),
        "clock skew": Refused(403, "RequestTimeTooSkewed"),
        "torn body": Torn(3),
        "reset": Reset(),
        "slow": Slow(2.0),
    }
    if name not in known:
        raise pytest.UsageError(f"no fault is called {name!r}: there are {', '.join(FAULTS)}, or give a plan")
    return known[name]


def _named(reference: str) -> Any:
    from importlib import import_module

    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)
