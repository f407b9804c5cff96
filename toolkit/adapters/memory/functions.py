"""Functions inside this process: the bundle's handler is imported and called, in a thread that can be given up on.

Honest about what that means: memory is not limited and a crash would be ours, so a function that asks for less than
`SHARED_MB` is Unsupported; its variables hold while it is loaded, not later; the packages are this process's own.
Nothing listens at the URL: `visit` answers for it, as a client without an identity would be answered.
"""

from __future__ import annotations

import json
import math
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

from toolkit.adapters.memory import handlers
from toolkit.adapters.memory.handlers import Handler
from toolkit.adapters.memory.store import open_store
from toolkit.domain import digest, names, times
from toolkit.domain.errors import ConfigError, Conflict, Corrupt, NotFound, ProviderError, Throttled, Unsupported
from toolkit.domain.specs import FunctionSpec, FunctionState, HttpRequest, HttpResponse, LogLine
from toolkit.execution import http_events
from toolkit.execution.aws_lambda.records import PAYLOAD_BYTES
from toolkit.execution.host import bundles
from toolkit.execution.http_messages import Request
from toolkit.ports import Settings
from toolkit.ports.store import Store

SHARED_MB = 256  # a function with less wants a limit, and this process has none
_LIMITS = {"memory_mb": 10_240, "timeout_seconds": 900}
_UNPACKED_BYTES = 250 * 1024**2
_RETRIES = 2


class _Failed(Exception):
    """A call that ended badly: Lambda's word for it, and the HTTP status that stands for it."""

    def __init__(self, kind: str, message: str, status: int = 500) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.status = status


@dataclass
class _Version:
    spec: FunctionSpec
    digest: str
    folder: Path
    handler: Handler | None = None
    running: int = 0


@dataclass
class _Function:
    tags: dict[str, str]
    versions: dict[str, _Version] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    lines: list[LogLine] = field(default_factory=list)
    published: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, source: str, text: str) -> None:
        with self.lock:
            cursor = f"{len(self.lines) + 1:012d}"
            self.lines.append(LogLine(time=times.now(), text=text, source=source, cursor=cursor))


_ALL: dict[str, dict[str, _Function]] = {}
_REGISTRY = threading.RLock()


def open_functions(settings: Settings) -> MemoryFunctions:
    """`settings["name"]` as of the memory store, where the bundles are."""
    return MemoryFunctions(str(settings.get("name", "default")), open_store(settings))


def forget(name: str) -> None:
    """Delete every function of the memory `name` (tests)."""
    functions = open_functions({"name": name})
    for state in list(functions.list()):
        functions.delete(state.name)


class MemoryFunctions:
    def __init__(self, name: str, store: Store) -> None:
        self.name = name
        self._store = store
        with _REGISTRY:
            self._functions = _ALL.setdefault(name, {})

    def publish(self, spec: FunctionSpec) -> str:
        names.check_resource("function", spec.name)
        _check(spec)
        with _REGISTRY:
            function = self._functions.get(spec.name) or _Function(tags={})
            wanted = digest.of_value(spec.configuration())
            found = [name for name, version in function.versions.items() if version.digest == wanted]
            if not found:
                folder = self._unpack(spec)
                function.published += 1
                found = [str(function.published)]
                function.versions[found[0]] = _Version(spec, wanted, folder)
            function.tags = spec.tags
            self._functions[spec.name] = function
            return found[0]

    def route(self, name: str, weights: dict[str, float]) -> FunctionState:
        function = self._function(name)
        for version in weights:
            self._version(name, version)
        if any(weight < 0 for weight in weights.values()) or not math.isclose(sum(weights.values()), 1.0, abs_tol=1e-6):
            raise ConfigError(f"weights of function {name!r} must be at least 0 and sum to 1: {weights}")
        function.weights = {version: weight for version, weight in weights.items() if weight}
        return self.observe(name)

    def observe(self, name: str) -> FunctionState:
        function = self._function(name)
        return FunctionState(
            name=name,
            versions=tuple(function.versions),
            weights=dict(function.weights),
            url=f"memory://{self.name}/{name}",
            state="ready" if function.weights else "pending",
            spec_digests={name: version.digest for name, version in function.versions.items()},
            reason="" if function.weights else "no version has traffic yet",
            tags=function.tags,
        )

    def list(self, tags: dict[str, str] | None = None) -> Iterator[FunctionState]:
        wanted = (tags or {}).items()
        for name in sorted(self._functions):
            state = self.observe(name)
            if wanted <= state.tags.items():
                yield state

    def request(self, name: str, request: HttpRequest, *, version: str = "") -> HttpResponse:
        chosen = version or self._choose(name)
        self._version(name, chosen)
        path = quote(request.path, safe="/%:@!$&'()*+,;=~-._")
        incoming = Request(
            request.method,
            f"{path}?{request.query}" if request.query else path,
            (("host", f"{name}.memory"), *((key.lower(), value) for key, value in request.headers.items())),
            request.body,
        )
        try:
            event = http_events.to_event(incoming, function=name, request_id=str(uuid4()))
            answer = http_events.from_result(self._call(name, chosen, event))
        except _Failed as failed:
            return HttpResponse(status=failed.status, headers={"x-amzn-errortype": failed.kind}, body=b"")
        except http_events.BadAnswer as error:
            return HttpResponse(status=502, headers={}, body=str(error).encode())
        headers: dict[str, str] = {}
        for key, value in answer.headers:
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        return HttpResponse(status=answer.status, headers=headers, body=answer.body)

    def visit(self, url: str, headers: dict[str, str]) -> int:
        """The status that a stranger gets at a function's URL."""
        name = urlsplit(url).path.strip("/").partition("/")[0]
        if self._version(name, self._choose(name)).spec.auth == "public":
            return self.request(name, HttpRequest(headers=headers)).status
        return 403 if "Authorization" in headers else 401

    def event(self, name: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        chosen = self._choose(name)
        if not wait:
            threading.Thread(target=self._deliver, args=(name, chosen, event), daemon=True).start()
            return None
        try:
            return json.loads(self._call(name, chosen, event))
        except _Failed as failed:
            kind = Throttled if failed.status == 429 else ProviderError
            raise kind(f"function {name!r} failed: {failed}") from failed

    def logs(self, name: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        function = self._function(name)
        while True:
            ended = name not in self._functions
            for line in list(function.lines):
                if line.cursor > after:
                    after = line.cursor
                    yield line
            if not follow or ended:
                return
            time.sleep(0.02)

    def remove_version(self, name: str, version: str) -> None:
        with _REGISTRY:
            function = self._functions.get(name)
            if function is None or version not in function.versions:
                return
            if share := function.weights.get(version):
                raise Conflict(f"version {version} of function {name!r} has {share:.0%} of the traffic")
            bundles.remove(function.versions.pop(version).folder)

    def delete(self, name: str) -> None:
        with _REGISTRY:
            function = self._functions.pop(name, None)
        for version in function.versions.values() if function else ():
            bundles.remove(version.folder)

    def _deliver(self, name: str, version: str, event: dict[str, Any]) -> None:
        for _ in range(_RETRIES + 1):
            try:
                self._call(name, version, event)
            except (_Failed, NotFound):
                continue
            return

    def _call(self, name: str, version: str, event: dict[str, Any]) -> bytes:
        """What the handler returns, as JSON. Raises _Failed."""
        function, kept = self._function(name), self._version(name, version)
        payload = json.dumps(event)
        if len(payload) > PAYLOAD_BYTES:
            raise _Failed("RequestTooLargeException", f"over {PAYLOAD_BYTES} bytes", 413)
        with function.lock:
            if kept.running >= kept.spec.concurrency:
                raise _Failed("TooManyRequestsException", "Rate Exceeded.", 429)
            kept.running += 1
        outcome: list[bytes | _Failed] = []

        def run() -> None:
            outcome.append(_guarded(kept, json.loads(payload), lambda text: function.say(version, text)))

        thread = threading.Thread(target=run, name=f"function-{name}", daemon=True)
        thread.start()
        thread.join(kept.spec.timeout_seconds)
        with function.lock:
            kept.running -= 1
        if not outcome:
            raise _Failed("Sandbox.Timedout", f"Task timed out after {kept.spec.timeout_seconds:.2f} seconds", 504)
        if isinstance(outcome[0], _Failed):
            raise outcome[0]
        return outcome[0]

    def _choose(self, name: str) -> str:
        weights = self._function(name).weights
        if not weights:
            raise NotFound(f"function {name!r} has no traffic")
        return random.choices(list(weights), list(weights.values()))[0]  # noqa: S311  # shares traffic, guards nothing

    def _function(self, name: str) -> _Function:
        found = self._functions.get(name)
        if found is None:
            raise NotFound(f"no function {name!r} in memory {self.name}")
        return found

    def _version(self, name: str, version: str) -> _Version:
        found = self._function(name).versions.get(version)
        if found is None:
            raise NotFound(f"function {name!r} has no version {version!r}")
        return found

    def _unpack(self, spec: FunctionSpec) -> Path:
        data = self._store.get(spec.bundle_key).data
        if digest.of_bytes(data) != spec.bundle:
            raise Corrupt(f"the bundle at {spec.bundle_key} is not {spec.bundle[:12]}")
        return handlers.unpack(data, _UNPACKED_BYTES)


def _check(spec: FunctionSpec) -> None:
    for limit, most in _LIMITS.items():
        if not 1 <= getattr(spec, limit) <= most:
            raise Unsupported(f"function {spec.name!r}: {limit} must be 1 to {most}")
    if spec.memory_mb < SHARED_MB:
        raise Unsupported(f"function {spec.name!r}: this process cannot hold it to {spec.memory_mb} MB")


def _guarded(version: _Version, event: dict[str, Any], say: Callable[[str], None]) -> bytes | _Failed:
    """Load the handler if that was not done yet, call it, and put what comes of it into a value."""
    try:
        if version.handler is None:
            version.handler = handlers.load(version.folder, version.spec, say)
        payload = json.dumps(version.handler(event, SimpleNamespace(aws_request_id=str(uuid4())))).encode()
    except Exception as error:
        say(traceback.format_exc())
        return _Failed(type(error).__name__, str(error))
    except SystemExit as error:
        return _Failed("Runtime.ExitError", f"exit status {error.code}")
    if len(payload) > PAYLOAD_BYTES:
        return _Failed("Function.ResponseSizeTooLarge", f"over {PAYLOAD_BYTES} bytes")
    return payload
