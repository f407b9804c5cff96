"""Servers that suites talk to over the wire: one process each, on a loopback port, stopped by process id."""

from __future__ import annotations

import atexit
import subprocess
from collections.abc import Sequence
from functools import cache
from typing import IO

STOP_SECONDS = 10.0


class Server:
    """A started program that prints its address (http://127.0.0.1:port) as its first line and ends when its standard
    input closes, so that it never outlives the process that asked for it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        if not self.address.startswith("http://127.0.0.1:"):
            self.stop()
            raise RuntimeError(f"{' '.join(command)} did not start: it said {self.address!r}")

    def stop(self) -> None:
        """Gone afterwards."""
        for pipe in (self._process.stdin, self._process.stdout):
            _close(pipe)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@cache
def shared(command: tuple[str, ...]) -> str:
    """The address of one server for all of this process's tests; it is stopped when the process ends."""
    server = Server(command)
    atexit.register(server.stop)
    return server.address


def _close(pipe: IO[str] | None) -> None:
    if pipe is not None:
        pipe.close()
