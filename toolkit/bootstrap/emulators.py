"""Providers played on this machine: started in the background, found again, stopped.

Everything of one lies in `.toolkit/<target>/<provider>/`: its port (kept, so that URLs outlive a restart), who it is
while it runs, its log, and the folder for what it runs. What it holds is in memory: a stopped emulator has forgotten
everything, and `start` makes the operator's half (bucket, roles, queue) anew.

A port of an emulated provider opens only while its emulator runs. As long as it never ran, its address is one where
nothing listens: settings without an address would lead to the real cloud.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from toolkit.bootstrap import providers
from toolkit.domain import times
from toolkit.domain.errors import ConfigError, Unavailable
from toolkit.domain.specs import Binding
from toolkit.execution import files
from toolkit.execution.host import bundles
from toolkit.execution.tree import identity
from toolkit.ports.context import Context
from toolkit.ports.emulator import Emulator
from toolkit.ports.provider import Provider

START_SECONDS = 240.0  # the first time, an emulator may have to fetch what it runs
STOP_SECONDS = 15.0
NOWHERE = "http://127.0.0.1:9"  # where nothing listens
KEY = "emulator"  # of a provider's settings
ELSEWHERE = "emulator_address"  # where it is, when something else has started it


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers now; `identity` tells the process from a later one of its number."""

    provider: str
    emulator: str
    address: str
    pid: int
    identity: str
    started: str


class Place:
    """Where an emulator of a target keeps what outlives a command."""

    def __init__(self, directory: Path, target: str, provider: str) -> None:
        self.folder = directory / ".toolkit" / target / provider
        self.log = self.folder / "emulator.log"
        self.home = self.folder / "home"
        self._port = self.folder / "port"
        self._state = self.folder / "running.json"

    @property
    def address(self) -> str:
        """Where it is, or was, or NOWHERE."""
        try:
            return f"http://127.0.0.1:{int(self._port.read_text())}"
        except (FileNotFoundError, ValueError):
            return NOWHERE

    def running(self) -> Running | None:
        try:
            found = msgspec.json.decode(self._state.read_bytes(), type=Running)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return found if identity(found.pid) == found.identity else None

    def port(self) -> int:
        """The one that is kept, chosen on the first call."""
        if self.address == NOWHERE:
            self.folder.mkdir(parents=True, exist_ok=True)
            files.create(self._port, str(_free_port()).encode())
        return int(self._port.read_text())

    def remember(self, found: Running) -> None:
        files.replace(self._state, msgspec.json.encode(found))

    def forget(self) -> None:
        self._state.unlink(missing_ok=True)
        bundles.remove(self.home)  # with unpacked bundles in it, which are read-only


def connected(provider: Provider, settings: Mapping[str, Any], directory: Path, target: str) -> dict[str, Any]:
    """The settings of a target's provider, led to its emulator if it has one."""
    chosen = find(provider, settings)
    if not chosen:
        return dict(settings)
    return chosen.connect(settings, settings.get(ELSEWHERE) or Place(directory, target, provider.name).address)


def find(provider: Provider, settings: Mapping[str, Any]) -> Emulator | None:
    """The emulator that the settings choose. ConfigError for one that there is not."""
    name = settings.get(KEY) or ""
    if not name:
        return None
    if name not in provider.emulators:
        known = ", ".join(sorted(provider.emulators)) or "none"
        raise ConfigError(f"{provider.name} has no emulator {name!r}: there is {known}")
    module, _, attribute = provider.emulators[name].partition(":")
    found: Emulator = getattr(import_module(module), attribute)(settings)
    return found


def played(provider: Provider, emulator: Emulator, python: str) -> Provider:
    """The provider as the emulator plays it: functions run on this machine's Python unless `python` names another."""
    own = python in {"", "{}.{}".format(*sys.version_info[:2])}
    return msgspec.structs.replace(
        provider,
        claims=provider.claims - emulator.lacks,
        function_python="host" if own else provider.function_python,
    )


def emulated(ctx: Context) -> dict[str, tuple[Emulator, Place]]:
    """The emulators that ports of the target need and `start` starts, by provider."""
    found = {}
    played = {b.provider: b.settings for b in ctx.bindings.values() if b.settings.get(KEY)}
    for name, settings in sorted(played.items()):
        if not settings.get(ELSEWHERE) and (chosen := find(providers.provider(name), settings)):
            found[name] = (chosen, Place(ctx.directory, ctx.target, name))
    return found


def guarded(open_port: Callable[[str, Binding], Any], directory: Path, target: str) -> Callable[[str, Binding], Any]:
    """`open_port`, which for a port of an emulated provider first sees that its emulator runs. Unavailable."""

    def opened(port: str, binding: Binding) -> Any:
        if binding.settings.get(KEY) and not binding.settings.get(ELSEWHERE):
            require(directory, target, binding.provider)
        return open_port(port, binding)

    return opened


def require(directory: Path, target: str, provider: str) -> None:
    if Place(directory, target, provider).running() is None:
        raise Unavailable(
            f"the emulator of {provider} for target {target!r} is not running", hint=f"toolkit dev -t {target}"
        )


def start(ctx: Context, name: str, emulator: Emulator, place: Place) -> Running:
    """Start it with what an operator makes, or find it. Unavailable (it did not come up; why)."""
    if found := place.running():
        return found
    place.forget()
    port = place.port()
    command = [*emulator.command, "--port", str(port), "--detached", *(["--home", str(place.home)] * emulator.home)]
    with place.log.open("ab") as log:
        begin = log.tell()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd="/", start_new_session=True
        )
    threading.Thread(target=child.wait, daemon=True).start()  # no zombie while we live
    address = f"http://127.0.0.1:{port}"
    _wait(child, place.log, begin, address)
    found = Running(
        provider=name, emulator=emulator.name, address=address, pid=child.pid, identity=identity(child.pid),
        started=times.now(),
    )  # fmt: skip
    place.remember(found)
    try:
        _prepare(ctx, name, emulator, emulator.connect(_settings(ctx, name), address))
    except BaseException:
        stop(place)
        raise
    return found


def stop(place: Place) -> bool:
    """Whether there was anything to stop; gone afterwards, with what it ran. Unavailable."""
    found = place.running()
    deadline = time.monotonic() + STOP_SECONDS
    number = signal.SIGTERM
    while found and identity(found.pid) == found.identity:
        with suppress(ProcessLookupError):
            os.kill(found.pid, number)
        if time.monotonic() > deadline:
            number = signal.SIGKILL
        if time.monotonic() > deadline + STOP_SECONDS:
            raise Unavailable(f"the emulator (process {found.pid}) does not stop")
        time.sleep(0.05)
    place.forget()
    return found is not None


def _settings(ctx: Context, provider: str) -> dict[str, Any]:
    bound = [binding.settings for binding in ctx.bindings.values() if binding.provider == provider]
    return next(settings for settings in bound if settings.get(KEY))


def _prepare(ctx: Context, name: str, emulator: Emulator, settings: dict[str, Any]) -> None:
    """What an operator would have made, and what is pushed once."""
    declared = providers.provider(name)
    if declared.operator:
        module, _, attribute = declared.operator.partition(":")
        operator = getattr(import_module(module), attribute)(settings, ctx.tags())
        for action in operator.plan().changes:
            operator.carry_out(action)
    emulator.prepare(settings)


def _wait(child: subprocess.Popen[bytes], log: Path, begin: int, address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_bytes()[begin:].decode("utf-8", "replace")
        if f"{address}\n" in said:
            return
        if child.poll() is not None:
            last = (said.strip().splitlines() or ["it said nothing"])[-1]
            raise Unavailable(f"the emulator ended at once: {last}", hint=f"read {log}")
        time.sleep(0.05)
    child.kill()
    raise Unavailable(f"the emulator did not come up within {START_SECONDS:g} s", hint=f"read {log}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as any_port:
        return int(any_port.getsockname()[1])
