"""The functions of a host folder as they run: workers by version, the route looked up anew on each call."""

from __future__ import annotations

import os
import random
import threading
from contextlib import suppress

from toolkit.domain import times
from toolkit.domain.errors import NotFound
from toolkit.domain.specs import FunctionSpec
from toolkit.execution.aws_lambda import Deployment, Outcome, Pool
from toolkit.execution.aws_lambda.log import FunctionLog
from toolkit.execution.host.events import Queue
from toolkit.execution.host.folder import Function, HostFolder


class RunningFunction:
    """One function. Versions get their workers on the first call."""

    def __init__(self, folder: HostFolder, function: Function) -> None:
        self._host = folder
        self._function = function
        self._identity = function.identity()
        self._log = FunctionLog(function.log)
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}
        self._specs: dict[str, FunctionSpec] = {}
        self._route: dict[str, float] = {}
        self._route_seen: tuple[int, int, int] | None = None
        self._events: Queue | None = None

    @property
    def exists(self) -> bool:
        """Whether it is still the one that was opened: not deleted, and not made anew since."""
        return self._function.exists and self._function.identity() == self._identity

    def spec(self, version: str = "") -> FunctionSpec:
        """Of the version, or of the one that has most of the traffic. NotFound."""
        name = version or max(self._weights().items(), key=lambda item: item[1])[0]
        if name not in self._specs:
            self._specs[name] = self._function.version(name).spec
        return self._specs[name]

    def choose(self) -> str:
        """A version, at random by weight. NotFound when nothing is routed."""
        weights = self._weights()
        if len(weights) == 1:
            return next(iter(weights))
        return random.choices(list(weights), list(weights.values()))[0]  # noqa: S311  # shares traffic, guards nothing

    def call(self, payload: bytes, version: str = "") -> Outcome:
        """Invoke. NotFound."""
        return self._pool(version or self.choose()).call(payload)

    def take_events(self) -> None:
        """Deliver what waits in the function's folder, now and from now on."""
        with self._lock:
            if self._events is None:
                self._events = Queue(self._function.events, self._deliver, self._note)
        self._events.wake()

    def pids(self) -> list[int]:
        with self._lock:
            pools = list(self._pools.values())
        return [pid for pool in pools for pid in pool.pids()]

    def recycle(self) -> None:
        """Let idle workers go, and those of versions that were removed."""
        with self._lock:
            gone = [name for name in self._pools if name not in self._function.versions()]
            dropped = [self._pools.pop(name) for name in gone]
            for name in gone:
                self._specs.pop(name, None)
            kept = list(self._pools.values())
        for pool in dropped:
            pool.close()
        for pool in kept:
            pool.recycle()

    def close(self) -> None:
        """No worker of it is left afterwards."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()
        if self._events is not None:
            self._events.close()

    def _deliver(self, payload: bytes) -> Outcome:
        return self.call(payload)

    def _note(self, text: str) -> None:
        self._log.write("events", [(times.now(), text)])

    def _weights(self) -> dict[str, float]:
        """The route, read again when its file is another one."""
        try:
            status = os.stat(self._function.route_file)  # noqa: PTH116
        except FileNotFoundError as error:
            raise NotFound(f"function {self._function.name!r} has no traffic") from error
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._route_seen:
            self._route = {name: weight for name, weight in self._function.route().items() if weight > 0}
            self._route_seen = seen
        if not self._route:
            raise NotFound(f"function {self._function.name!r} has no traffic")
        return self._route

    def _pool(self, version: str) -> Pool:
        pool = self._pools.get(version)
        if pool is not None:
            return pool
        spec = self.spec(version)
        with self._lock:
            if version not in self._pools:
                self._pools[version] = Pool(
                    deployment(spec, version, self._host),
                    workers=self._host.workers,
                    runtime=self._host.runtime,
                    log=self._log,
                    python=self._function.about().python,
                )
            return self._pools[version]


def deployment(spec: FunctionSpec, version: str, folder: HostFolder) -> Deployment:
    return Deployment(
        name=spec.name,
        version=version,
        task_root=folder.bundles / spec.bundle,
        handler=spec.handler,
        memory_mb=spec.memory_mb,
        timeout_seconds=spec.timeout_seconds,
        environment=spec.environment,
        concurrency=spec.concurrency,
    )


class Running:
    """Every function of a folder that was called so far. NotFound for those that do not exist."""

    def __init__(self, folder: HostFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._functions: dict[str, RunningFunction] = {}

    def function(self, name: str) -> RunningFunction:
        running = self._functions.get(name)
        if running is not None and running.exists:
            return running
        function = self._folder.function(name)
        if not function.exists:
            self.drop(name)
            raise NotFound(f"function {name!r} does not exist")
        with self._lock:
            return self._functions.setdefault(name, RunningFunction(self._folder, function))

    def drop(self, name: str) -> None:
        """End its workers. Not running is no error."""
        with self._lock:
            running = self._functions.pop(name, None)
        if running is not None:
            running.close()

    def look_after(self) -> None:
        """Now and then: idle workers, removed versions and functions, events that were left by a host before."""
        for name in self._folder.names():
            if any(self._folder.function(name).events.glob("[!.]*.json")):
                with suppress(NotFound):
                    self.function(name).take_events()
        for name, running in list(self._functions.items()):
            if running.exists:
                running.recycle()
            else:
                self.drop(name)

    def pids(self) -> dict[str, list[int]]:
        return {name: running.pids() for name, running in sorted(self._functions.items())}

    def close(self) -> None:
        for name in list(self._functions):
            self.drop(name)
