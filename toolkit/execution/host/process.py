"""Starting, finding and stopping the host of a folder, from any process.

Who holds the lock is the host: no pid file can go stale. The lock goes with the process, however it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

import msgspec

from toolkit import __version__
from toolkit.domain.errors import ConfigError, Unavailable
from toolkit.execution import files
from toolkit.execution.aws_lambda import sandbox
from toolkit.execution.host.folder import HostFolder
from toolkit.execution.tree import identity

START_SECONDS = 30.0
STOP_SECONDS = 15.0
_POLL = 0.02
_PORTS = (20_000, 32_000)  # below those that systems give to outgoing connections
_T = TypeVar("_T")


class HostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The running host of a folder."""

    pid: int
    identity: str
    port: int
    started: str
    version: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def record(folder: HostFolder) -> Path:
    return folder.server / "host.json"


def status(folder: HostFolder) -> HostStatus | None:
    """The host that answers now, or None."""
    try:
        found = msgspec.json.decode(record(folder).read_bytes(), type=HostStatus)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
    return found if identity(found.pid) == found.identity and _held(folder) else None


def start(folder: HostFolder, port: int = 0) -> HostStatus:
    """Start it, or find it. Raises ConfigError (the port is taken), Unavailable (it did not come up; why)."""
    if found := status(folder):
        if found.version == __version__:
            return found
        stop(folder)  # the toolkit was upgraded under it
    chosen = remember_port(folder, port)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        child, log, begin = _launch(folder, chosen)
        while time.monotonic() < deadline:
            if found := status(folder):
                return found
            if child.poll():
                _raise_why(log, begin)
            if child.poll() == 0:
                break  # another one holds the lock: it is coming up, or just going down
            time.sleep(_POLL)
    raise Unavailable(f"the function host did not come up within {START_SECONDS:g} s", hint=f"read {log}")


def _launch(folder: HostFolder, port: int) -> tuple[subprocess.Popen[bytes], Path, int]:
    """The process, its log, and where in the log it begins."""
    log = folder.server / "host.log"
    # -P: the folder that we happen to be in is no place to import from.
    command = [sys.executable, "-P", "-m", "toolkit.execution.host", "--root", str(folder.root), "--port", str(port)]
    with files.translated("start the function host"):
        folder.server.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            begin = sink.tell()
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,  # survives the terminal
            )
    threading.Thread(target=child.wait, daemon=True).start()  # no zombie while we live
    return child, log, begin


def stop(folder: HostFolder) -> bool:
    """Stop it and wait until it and every worker are gone; whether there was anything to stop. Unavailable."""
    found = status(folder)
    deadline = time.monotonic() + STOP_SECONDS
    while _held(folder) or (found and identity(found.pid) == found.identity):
        late = time.monotonic() > deadline
        # One that is just starting holds the lock and is not on record yet; it is met in a later round.
        found = status(folder) or found
        if found:
            _signal(found, signal.SIGKILL if late else signal.SIGTERM)
        if time.monotonic() > deadline + STOP_SECONDS:
            raise Unavailable(f"the function host of {folder.root} does not stop")
        time.sleep(_POLL)
    left = sandbox.recover(folder.workers)
    record(folder).unlink(missing_ok=True)
    return bool(found or left)


def remember_port(folder: HostFolder, wanted: int = 0) -> int:
    """The port of the function URLs: `wanted`, or the one that was taken once and is kept."""
    if wanted:
        return wanted
    path = folder.server / "port"
    with files.translated("remember the port of the function URLs"):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.create(path, str(_free_port()).encode())
        return int(path.read_text())


def token(folder: HostFolder) -> str:
    """What callers of functions that are not public present; made once, readable by its owner only."""
    return _secret(folder.server / "token")


def control(folder: HostFolder) -> str:
    """What the adapter presents to the host."""
    return _secret(folder.server / "control")


@contextmanager
def hold(folder: HostFolder) -> Iterator[bool]:
    """Be the host of the folder while inside; False when another process is."""
    folder.server.mkdir(parents=True, exist_ok=True)
    with (folder.server / "lock").open("w") as stream:
        # Others take the lock for a moment to see whether there is a host: that must not look like one.
        for _ in range(10):
            if mine := _locked(stream, fcntl.LOCK_EX):
                break
            if status(folder):
                break
            time.sleep(_POLL)
        yield mine


def listen(port: int, server: Callable[[], _T]) -> _T:
    """`server()`, its refusal in words a person can use. ConfigError."""
    try:
        return server()
    except OSError as error:
        raise ConfigError(
            f"port {port} of the function URLs cannot be used: {error.strerror or error}",
            hint="end what uses it, or set `port` in the target's table",
        ) from error


def _held(folder: HostFolder) -> bool:
    try:
        with (folder.server / "lock").open("r") as stream:
            return not _locked(stream, fcntl.LOCK_SH)
    except FileNotFoundError:
        return False


def _locked(stream: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(stream, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_port() -> int:
    for port in random.sample(range(*_PORTS), 50):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    with socket.create_server(("127.0.0.1", 0)) as any_port:
        return int(any_port.getsockname()[1])


def _secret(path: Path) -> str:
    with files.translated("keep the host's token"):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            files.replace(made, secrets.token_urlsafe(32).encode(), mode=0o600)
            with suppress(FileExistsError):
                os.link(made, path)
            made.unlink()
        return path.read_text()


def _signal(found: HostStatus, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        if identity(found.pid) == found.identity:
            os.kill(found.pid, number)


def _raise_why(log: Path, begin: int) -> None:
    """The words of a host that ended at once: its last line, which is an error of ours as JSON if it was one."""
    with log.open("rb") as stream:
        stream.seek(begin)
        lines = stream.read().decode("utf-8", "replace").strip().splitlines()
    last = lines[-1] if lines else "it said nothing"
    try:
        told = json.loads(last)
        raise ConfigError(told["message"], hint=told["hint"])
    except (json.JSONDecodeError, KeyError, TypeError):
        pass
    raise Unavailable(f"the function host ended at once: {last}", hint=f"read {log}")
