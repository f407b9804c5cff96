"""Start what an unpacked image starts: as a service on a port of loopback, or as a command for `execution.process`."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolkit.domain.errors import ConfigError, Unavailable, Unsupported
from toolkit.domain.oci import Image
from toolkit.execution import files
from toolkit.execution.process import Command
from toolkit.execution.tree import MARK, Tree

START_SECONDS = 30.0
GRACE_SECONDS = 10.0
BIND = "TOOLKIT_BIND"  # an image of ours listens there
_SCRIPT = Path(__file__).with_name("enter.py")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLL = 0.02


def command(
    root: Path,
    image: Image,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    timeout_seconds: float = 0.0,
    memory_bytes: int = 0,
) -> Command:
    """The image's entrypoint with `arguments` (its own CMD without any), its variables with `environment` over them.

    Raises ConfigError (no program to start, a user that is not in the image), Unsupported (not Linux).
    """
    if not sys.platform.startswith("linux"):
        raise Unsupported("an unpacked image runs on Linux only", hint="run it with docker")
    process = image.config
    variables = {"PATH": _PATH, **process.variables(), **(environment or {})}
    argv = [*(process.entrypoint or []), *(arguments or process.cmd or [])]
    if not argv:
        raise ConfigError("the image names no program to start")
    uid, gid = _user(root, process.user)
    spec = {
        "root": str(root.resolve()),
        "cwd": process.working_dir or "/",
        "uid": uid,
        "gid": gid,
        "argv": [_program(root, argv[0], variables["PATH"]), *argv[1:]],
        "env": variables,
    }
    start = (sys.executable, "-I", "-S", str(_SCRIPT), json.dumps(spec))
    return Command(start, {}, root, timeout_seconds=timeout_seconds, memory_bytes=memory_bytes)


@dataclass(frozen=True)
class Service:
    """A running image. `log` is the file that keeps what it prints."""

    url: str
    pid: int
    log: Path


@contextmanager
def serving(
    root: Path,
    image: Image,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    *,
    log: Path,
    port_variable: str = "PORT",
) -> Iterator[Service]:
    """A service on a free port of loopback, told by `port_variable` (and TOOLKIT_BIND), until the block ends.

    Raises Unavailable with its last line where it ends or does not listen within half a minute.
    """
    port = free_port()
    told = {BIND: "127.0.0.1", port_variable: str(port), **(environment or {})}
    made, mark = command(root, image, arguments, told), secrets.token_hex(8)
    with files.translated("start the image"), log.open("ab") as sink:
        child = subprocess.Popen(
            made.argv,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd="/",
            env={MARK: mark},
            start_new_session=True,
        )
    tree = Tree(child.pid, mark)
    try:
        _wait(child, port, log)
        yield Service(f"http://127.0.0.1:{port}", child.pid, log)
    finally:
        tree.end(GRACE_SECONDS)
        child.wait()


def _wait(child: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise Unavailable(f"the image ended with exit code {child.returncode}: {_last(log)}", hint=f"read {log}")
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(_POLL)
    raise Unavailable(f"the image does not listen on port {port} after {START_SECONDS:g} s", hint=f"read {log}")


def _last(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").splitlines()
    return lines[-1] if lines else "it printed nothing"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _program(root: Path, name: str, path: str) -> str:
    """Where PATH finds a program inside the root (the kernel resolves the links in there)."""
    if "/" in name:
        return name
    for folder in path.split(":"):
        if os.path.lexists(f"{root}{folder}/{name}"):
            return f"{folder}/{name}"
    raise ConfigError(f"the image starts {name!r}, which is not on its PATH")


def _user(root: Path, text: str) -> tuple[int, int]:
    """(uid, gid) of "65532:65532", "nobody" or "" (root), names looked up in the image's own files."""
    user, _, group = text.partition(":")
    entry = _entry(root / "etc/passwd", user, "user") if user and not user.isdecimal() else None
    uid = int(entry[2]) if entry else int(user or 0)
    if group:
        return uid, int(group) if group.isdecimal() else int(_entry(root / "etc/group", group, "group")[2])
    return uid, int(entry[3]) if entry else _group_of(root, uid)


def _entry(path: Path, name: str, what: str) -> list[str]:
    for fields in _fields(path):
        if fields[0] == name and re.fullmatch(r"\d+", fields[2]):
            return fields
    raise ConfigError(f"the image runs as the {what} {name!r}, which it does not have")


def _group_of(root: Path, uid: int) -> int:
    return next((int(fields[3]) for fields in _fields(root / "etc/passwd") if fields[2] == str(uid)), 0)


def _fields(path: Path) -> Iterator[list[str]]:
    if path.is_file() and not path.is_symlink() and not path.parent.is_symlink():  # a link would lead to ours
        for line in path.read_text("utf-8", errors="replace").splitlines():
            fields = line.split(":")
            if len(fields) >= 4:
                yield fields
