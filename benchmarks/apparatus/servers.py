"""A server process as a client sees it: started, asked over a kept-alive connection, its tree's CPU read, ended."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.apparatus.environments import Missing

START_SECONDS = 120
Request = bytes


@dataclass
class Server:
    """How one is started. `command` is given a port."""

    name: str
    command: Callable[[int], list[str]]
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Way:
    """How a server is asked: `request` of rows, and a part that a right answer has."""

    name: str
    server: Server
    request: Callable[[list[list[float]]], Request]
    expected: bytes


class Running:
    """One process tree and one connection to it."""

    def __init__(self, server: Server) -> None:
        self.server, self.port = server, free_port()
        self.output = server.folder / f"{self.port}.log"
        with self.output.open("wb") as log:
            self.process = subprocess.Popen(
                server.command(self.port), cwd=server.folder, env={**os.environ, **server.environment},
                start_new_session=True, stdout=log, stderr=log,
            )  # fmt: skip
        self.socket: socket.socket | None = None

    def first(self, way: Way, rows: list[list[float]]) -> float:
        """Seconds from the spawn to the first right answer. Missing where there is none, or a wrong one."""
        request = way.request(rows)
        started, answer = time.perf_counter(), b""
        while time.perf_counter() - started < START_SECONDS and self.process.poll() is None:
            try:
                self.connect()
                status, content = self.ask(request)
            except (OSError, ValueError):
                time.sleep(0.005)
                continue
            answer = content[:200]
            if status == 200 and way.expected not in content:
                break
            if status == 200:
                return time.perf_counter() - started
            time.sleep(0.005)
        said = answer or self.output.read_bytes()[-300:]
        raise Missing(f"{self.server.name} gave no right answer: {said.decode(errors='replace')}")

    def connect(self) -> None:
        """Anew: servers close a connection that was idle while others were asked."""
        if self.socket is not None:
            self.socket.close()
        self.socket = self._connection()

    def ask(self, request: Request) -> tuple[int, bytes]:
        assert self.socket is not None
        self.socket.sendall(request)
        return answered(self.socket)

    def two_clients(self, request: Request, count: int) -> tuple[list[float], float]:
        """(seconds of each request, seconds of all) of two clients that each ask again as soon as they are answered.
        One thread plays both: threads of Python would wait for each other."""
        times: list[float] = []
        poll, clients, asked = select.poll(), {}, {}
        try:
            for _ in range(2):
                one = self._connection()
                clients[one.fileno()] = one
                poll.register(one, select.POLLIN)
            begun = time.perf_counter()
            for number, one in clients.items():
                asked[number] = time.perf_counter()
                one.sendall(request)
            while len(times) < count:
                for number, _ in poll.poll(60_000) or _silent(self.server.name):
                    status, content = answered(clients[number])
                    now = time.perf_counter()
                    if status != 200:
                        raise Missing(f"{self.server.name} under two clients: {status} {content[:200]!r}")
                    times.append(now - asked[number])
                    asked[number] = time.perf_counter()
                    clients[number].sendall(request)
            return times, time.perf_counter() - begun
        finally:
            for one in clients.values():
                one.close()

    def cpu(self) -> float:
        """Seconds of CPU of the process and what it started, those that have ended included."""
        return sum(_cpu(pid) for pid in tree(self.process.pid))

    def stop(self) -> None:
        """End the whole tree: some supervisors leave workers behind that would answer for the next."""
        pids = tree(self.process.pid)
        if self.socket is not None:
            self.socket.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in reversed(pids):
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    continue
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                continue

    def _connection(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def post(path: str, body: Any, headers: Mapping[str, str] | None = None) -> Request:
    """`body`: bytes as they are, anything else as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"host": "localhost", "content-type": "application/json", **(headers or {}), "content-length": len(data)}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    return "\r\n".join(lines).encode() + data


def answered(connection: socket.socket) -> tuple[int, bytes]:
    """(status, body) of the answer that comes, by its length or in chunks."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _received(connection)
    head, _, content = data.partition(b"\r\n\r\n")
    lower, status = head.lower(), int(head[9:12])
    if b"content-length:" not in lower:
        while not content.endswith(b"0\r\n\r\n"):
            content += _received(connection)
        return status, content
    parts, missing = [content], int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0]) - len(content)
    while missing > 0:
        parts.append(_received(connection))
        missing -= len(parts[-1])
    return status, b"".join(parts)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def tree(pid: int) -> list[int]:
    """`pid` and what it started, parents first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _silent(name: str) -> Sequence[tuple[int, int]]:
    raise Missing(f"{name} is silent under two clients")


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise OSError("the server closed the connection")
    return data


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
