"""The host's process, from the lock to the last worker."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from toolkit import __version__
from toolkit.domain import times
from toolkit.domain.errors import ProviderError, ToolkitError
from toolkit.execution import files
from toolkit.execution.aws_lambda import records, sandbox
from toolkit.execution.host import process
from toolkit.execution.host.folder import HostFolder
from toolkit.execution.host.front import Front
from toolkit.execution.host.running import Running
from toolkit.execution.http_server import HttpServer, Limits
from toolkit.execution.tree import identity

_LOOK = 1.0


def serve(folder: HostFolder, port: int) -> None:
    """Answer until SIGTERM, or until the folder is gone. ConfigError when the port is taken; returns at once when
    another process is this folder's host already."""
    with process.hold(folder) as mine:
        if not mine:
            return
        sandbox.recover(folder.workers)  # what a killed host has left
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        _Host(folder, port).run(stop)


class _Host:
    def __init__(self, folder: HostFolder, port: int) -> None:
        self._folder = folder
        self._started = times.now()
        self._running = Running(folder)
        front = Front(self._running, process.token(folder), process.control(folder), self._status)
        # The event that carries a body is larger than it: what passes here may still be refused, with the same 413.
        limits = Limits(body_bytes=records.PAYLOAD_BYTES)
        self._server = process.listen(port, lambda: HttpServer(port, front, limits))

    def run(self, stop: threading.Event) -> None:
        self._server.start()
        for job in (self._schedules, self._watches):
            threading.Thread(target=job, args=(stop,), name=job.__name__.strip("_"), daemon=True).start()
        files.replace(process.record(self._folder), json.dumps(self._status()).encode())
        try:
            while not stop.wait(_LOOK) and process.record(self._folder).exists():
                try:
                    self._running.look_after()
                except (ToolkitError, OSError) as error:
                    _print(f"could not look after the functions: {error}")
        finally:
            stop.set()
            self._server.close()
            self._running.close()
            process.record(self._folder).unlink(missing_ok=True)

    def _status(self) -> dict[str, object]:
        return {
            "pid": os.getpid(),
            "identity": identity(os.getpid()),
            "port": self._server.port,
            "started": self._started,
            "version": __version__,
            "workers": self._running.pids(),
        }

    def _schedules(self, stop: threading.Event) -> None:
        from toolkit.execution.scheduler import Scheduler

        Scheduler(self._folder.schedules, self._fire, log=_print).run(stop)

    def _watches(self, stop: threading.Event) -> None:
        from toolkit.execution.watcher import Watcher

        Watcher(self._folder.watches, self._fire, log=_print).run(stop)

    def _fire(self, name: str, event: dict[str, Any]) -> None:
        """Call a function for its schedule, or for new data. Raises ProviderError when it fails."""
        outcome = self._running.function(name).call(json.dumps(event).encode())
        if outcome.error:
            raise ProviderError(f"{outcome.error}: {outcome.message}")


def _print(line: str) -> None:
    """To the host's own log."""
    sys.stdout.write(f"{times.now()} {line}\n")
    sys.stdout.flush()
