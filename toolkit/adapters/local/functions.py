"""Functions of this machine: real bundles, executed by the host process of the `host` folder.

Publishing and routing write small files that the host reads as it needs them; only a call starts the host. The bundle
is fetched from the store by its digest and unpacked once, for every version that uses it.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.store import open_store
from toolkit.domain import digest
from toolkit.domain.errors import (
    ConfigError,
    Conflict,
    Corrupt,
    NotFound,
    ProviderError,
    Throttled,
    Unsupported,
)
from toolkit.domain.specs import FunctionSpec, FunctionState, HttpRequest, HttpResponse, LogLine
from toolkit.execution import files
from toolkit.execution.aws_lambda import log as function_log
from toolkit.execution.aws_lambda import records
from toolkit.execution.host import bundles, events, front, process
from toolkit.execution.host.client import HostClient
from toolkit.execution.host.folder import About, Function, HostFolder
from toolkit.execution.host.process import HostStatus
from toolkit.ports import Settings
from toolkit.ports.store import Store

_PATH = "/%:@!$&'()*+,;=~-._"  # what a path may hold as it is; a percent sign is taken as the client's own encoding
_GRACE_SECONDS = 30.0


def open_functions(settings: Settings) -> LocalFunctions:
    """`settings`: "store" and "host" (absolute folders), "python" ("" for the toolkit's own), "port" (0: any, kept)."""
    return LocalFunctions(settings)


def token(settings: Settings) -> str:
    """What callers of functions that are not public send as `Authorization: Bearer`. Made on first use."""
    return process.token(_folder(settings))


def host_status(settings: Settings) -> HostStatus | None:
    """The process that answers the function URLs, or None."""
    return process.status(_folder(settings))


def start_host(settings: Settings) -> HostStatus:
    """Start it, or find it. ConfigError (the port is taken), Unavailable."""
    return process.start(_folder(settings), int(settings.get("port") or 0))


def stop_host(settings: Settings) -> bool:
    """Stop it with all its workers; whether anything ran. Functions stay and answer again once it is started."""
    return process.stop(_folder(settings))


def _patience(spec: FunctionSpec) -> float:
    """How long an answer may take: two times its own limit (the second for a slow start), and some."""
    return 2 * spec.timeout_seconds + _GRACE_SECONDS


def _folder(settings: Settings) -> HostFolder:
    return HostFolder(Path(settings["host"]))


class LocalFunctions:
    def __init__(self, settings: Settings, limits: Mapping[str, int] = PROVIDER.limits) -> None:
        self._settings = dict(settings)
        self._folder = _folder(settings)
        self._limits = limits
        self._host = HostClient(self._folder, int(settings.get("port") or 0))

    @property
    def _store(self) -> Store:
        return open_store(self._settings)

    def publish(self, spec: FunctionSpec) -> str:
        function = self._folder.function(spec.name)
        self._check(spec)
        with files.translated(f"publish function {spec.name}"), self._folder.lock():
            self._unpack(spec)
            return function.publish(spec, About(tags=spec.tags, python=str(self._settings.get("python") or "")))

    def route(self, name: str, weights: dict[str, float]) -> FunctionState:
        function = self._function(name)
        for version in weights:
            function.version(version)
        if any(weight < 0 for weight in weights.values()) or not math.isclose(sum(weights.values()), 1.0, abs_tol=1e-6):
            raise ConfigError(f"weights of function {name!r} must be at least 0 and sum to 1: {weights}")
        with files.translated(f"route function {name}"), self._folder.lock():
            function.set_route({version: weight for version, weight in weights.items() if weight})
        start_host(self._settings)  # what has traffic has a URL that answers, and schedules that fire
        return self.observe(name)

    def observe(self, name: str) -> FunctionState:
        function = self._function(name)
        with files.translated(f"read function {name}"):
            versions = {version: function.version(version) for version in function.versions()}
            weights = function.route()
            state, reason = self._state(weights, {v: self._folder.bundles / k.spec.bundle for v, k in versions.items()})
            return FunctionState(
                name=name,
                versions=tuple(versions),
                weights=weights,
                url=f"http://127.0.0.1:{self._port()}/{name}",
                state=state,
                spec_digests={version: kept.digest for version, kept in versions.items()},
                reason=reason,
                tags=function.about().tags,
            )

    def list(self, tags: dict[str, str] | None = None) -> Iterator[FunctionState]:
        wanted = (tags or {}).items()
        with files.translated("list functions"):
            found = self._folder.names()
        for name in found:
            with suppress(NotFound):  # deleted while we looked
                state = self.observe(name)
                if wanted <= state.tags.items():
                    yield state

    def request(self, name: str, request: HttpRequest, *, version: str = "") -> HttpResponse:
        function = self._function(name)
        kept = function.version(version or self._heaviest(function))
        headers = {**request.headers, **({front.VERSION: version} if version else {})}
        path = f"/{name}{quote(request.path, safe=_PATH)}"
        target = f"{path}?{request.query}" if request.query else path
        answer = self._host.call(
            request.method, target, body=request.body, headers=headers, seconds=_patience(kept.spec)
        )
        return HttpResponse(status=answer.status, headers=answer.headers, body=answer.body)

    def event(self, name: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        function = self._function(name)
        kept = function.version(self._heaviest(function))
        payload = json.dumps(event).encode()
        if not wait:
            return self._enqueue(function, event, len(payload))
        target = f"/_toolkit/functions/{name}/invoke"
        answer = self._host.call("POST", target, body=payload, seconds=_patience(kept.spec))
        told = json.loads(answer.body)
        if front.FUNCTION_ERROR not in answer.headers:
            return told
        message = f"function {name!r} failed: {told.get('errorType', 'Error')}: {told.get('errorMessage', '')}"
        if answer.status == 429:
            raise Throttled(message, hint="try again, or raise the function's concurrency")
        raise ProviderError(message, hint="toolkit logs")

    def logs(self, name: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        function = self._function(name)
        with files.translated(f"read the log of function {name}"):
            yield from function_log.read(function.log, follow=follow, after=after, ended=lambda: not function.exists)

    def remove_version(self, name: str, version: str) -> None:
        function = self._folder.function(name)
        if not function.exists or version not in function.versions():
            return
        with files.translated(f"remove version {version} of function {name}"), self._folder.lock():
            if share := function.route().get(version):
                raise Conflict(f"version {version} of function {name!r} has {share:.0%} of the traffic")
            function.remove_version(version)
            self._host.tell("POST", "/_toolkit/recycle")
            self._prune()

    def delete(self, name: str) -> None:
        function = self._folder.function(name)
        if not self._folder.functions.is_dir():
            return
        with files.translated(f"delete function {name}"), self._folder.lock():
            if function.folder.exists():
                self._folder.take_away(name)
            self._host.tell("DELETE", f"/_toolkit/functions/{name}")
            self._prune()
            if not self._folder.names():
                process.stop(self._folder)
                shutil.rmtree(self._folder.runtime, ignore_errors=True)

    def _check(self, spec: FunctionSpec) -> None:
        """Raises Unsupported for what is outside this provider's limits."""
        size = sum(len(name.encode()) + len(value.encode()) for name, value in spec.environment.items())
        asked = {
            "function_memory_mb": spec.memory_mb,
            "function_timeout_seconds": spec.timeout_seconds,
            "environment_bytes": size,
        }
        for limit, amount in asked.items():
            if amount > self._limits[limit]:
                raise Unsupported(
                    f"function {spec.name!r}: {limit} {amount} is over the limit of {self._limits[limit]}"
                )
        if min(spec.memory_mb, spec.timeout_seconds, spec.concurrency) < 1:
            raise Unsupported(f"function {spec.name!r}: memory, timeout and concurrency must be at least 1")

    def _unpack(self, spec: FunctionSpec) -> None:
        """Fetch the bundle, compare its digest, unpack it. NotFound, Corrupt, Unsupported; the lock is held."""
        target = self._folder.bundles / spec.bundle
        if target.is_dir():
            return
        with tempfile.TemporaryDirectory(prefix="toolkit-bundle-") as made:
            archive = Path(made, "bundle.zip")
            try:
                self._store.download(spec.bundle_key, archive)
            except NotFound as error:
                raise NotFound(
                    f"the bundle of function {spec.name!r} is not in the store ({spec.bundle_key})"
                ) from error
            if (found := digest.of_file(archive)) != spec.bundle:
                raise Corrupt(f"the bundle at {spec.bundle_key} is {found[:12]}, not {spec.bundle[:12]}")
            bundles.unpack(archive, target, self._limits["bundle_unpacked_bytes"])

    def _state(self, weights: dict[str, float], unpacked: dict[str, Path]) -> tuple[Any, str]:
        if not weights:
            return "pending", "no version has traffic yet"
        missing = [version for version in weights if version not in unpacked or not unpacked[version].is_dir()]
        if missing:
            return "failed", f"the unpacked bundle of version {missing[0]} is gone: publish it again"
        if process.status(self._folder) is None:
            return "stopped", "the function host is not running: it starts with the next call"
        return "ready", ""

    def _function(self, name: str) -> Function:
        function = self._folder.function(name)
        if not function.exists:
            raise NotFound(f"function {name!r} does not exist on this machine", hint="toolkit deploy")
        return function

    def _heaviest(self, function: Function) -> str:
        """The version with most of the traffic. NotFound when none has any."""
        weights = function.route()
        if not weights:
            raise NotFound(f"function {function.name!r} has no traffic", hint="toolkit deploy")
        return max(weights, key=lambda version: weights[version])

    def _enqueue(self, function: Function, event: dict[str, Any], size: int) -> None:
        if size > records.ASYNC_BYTES:
            raise Unsupported(
                f"an event that nobody waits for has at most {records.ASYNC_BYTES} bytes; this has {size}"
            )
        with files.translated(f"queue an event for function {function.name}"):
            events.put(function.events, event)
        self._host.call("POST", f"/_toolkit/functions/{function.name}/events")

    def _prune(self) -> None:
        """Delete unpacked bundles that no version needs; the lock is held."""
        used = self._folder.bundles_in_use()
        for folder in self._folder.bundles.iterdir() if self._folder.bundles.is_dir() else ():
            if folder.name not in used:
                bundles.remove(folder)

    def _port(self) -> int:
        running = process.status(self._folder)
        return running.port if running else process.remember_port(self._folder, int(self._settings.get("port") or 0))
