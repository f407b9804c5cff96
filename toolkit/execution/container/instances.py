"""The instances of a version: started by a call, sharing calls up to their concurrency, ended with the revision."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.execution.container.running import Container, Print, execute
from toolkit.execution.http_messages import Request, Response, json_response
from toolkit.execution.reaper import Reaper

START_SECONDS = 60.0
QUEUE_SECONDS = 10.0  # that a call waits where all instances are busy and no more may be started
END_SECONDS = 3.0  # within which an instance that broke off is known to have ended
_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"}


@dataclass(frozen=True)
class Shape:
    """`seconds` a call may take; `payload` bytes a request may have, and an answer (0: the platform has no limit)."""

    container: Container
    at_once: int
    instances: int
    seconds: float
    payload: int = 0


@dataclass
class _Instance:
    port: int
    busy: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    why: str = ""


class Instances:
    """`environment(port)` is what the platform adds to the container's variables."""

    def __init__(
        self, shape: Shape, home: Path, reaper: Reaper, printed: Print, environment: Callable[[int], dict[str, str]]
    ):
        self._shape, self._home, self._reaper = shape, home, reaper
        self._printed, self._environment = printed, environment
        self._free = threading.Condition()
        self._running: list[_Instance] = []
        self._closing = ""

    def call(self, request: Request) -> Response:
        if 0 < self._shape.payload < len(request.body):
            return Response(413, (), b"Request Entity Too Large")
        instance = self._take()
        if instance is None:
            return Response(429, (("content-type", "text/plain"),), b"Rate exceeded.")
        try:
            if not _listening(instance):
                return json_response(503, {"message": "The container did not start and listen on PORT."})
            return self._forward(instance, request)
        finally:
            with self._free:
                instance.busy -= 1
                self._free.notify()

    def warm(self, least: int) -> None:
        """At least so many run; one that ends is started again by the next call or change."""
        with self._free:
            while not self._closing and len(self._running) < min(least, self._shape.instances):
                self._start().busy = 0

    def close(self, why: str) -> None:
        """Nothing runs afterwards."""
        with self._free:
            self._closing = why
            running = list(self._running)
        for instance in running:
            instance.ended.wait(15)

    def _take(self) -> _Instance | None:
        deadline = time.monotonic() + QUEUE_SECONDS
        with self._free:
            while not self._closing:
                for instance in self._running:
                    if not instance.ended.is_set() and instance.busy < self._shape.at_once:
                        instance.busy += 1
                        return instance
                if len(self._running) < self._shape.instances:
                    return self._start()
                if not self._free.wait(deadline - time.monotonic()):
                    return None
        return None

    def _start(self) -> _Instance:
        with socket.create_server(("127.0.0.1", 0)) as any_port:
            instance = _Instance(any_port.getsockname()[1], busy=1)
        self._running.append(instance)
        threading.Thread(target=self._run, args=(instance,), name="instance", daemon=True).start()
        return instance

    def _run(self, instance: _Instance) -> None:
        shape = self._shape.container
        env = {**shape.env, **self._environment(instance.port)}
        container = Container(shape.args, env, shape.memory_mb)
        outcome = execute(container, self._home, self._reaper, self._printed, lambda: self._closing)
        instance.why = outcome.reason
        instance.ended.set()
        with self._free:
            self._running.remove(instance)
            self._free.notify_all()

    def _forward(self, instance: _Instance, request: Request) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", instance.port, timeout=self._shape.seconds)
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                if name not in _HOP and name != "content-length":
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError:
            return Response(504, (("content-type", "text/plain"),), b"upstream request timeout")
        except (OSError, http.client.HTTPException):
            instance.ended.wait(END_SECONDS)  # so that the next call does not go to an instance that is gone
            return Response(503, (("content-type", "text/plain"),), b"The request failed: the container ended.")
        finally:
            connection.close()
        if 0 < self._shape.payload < len(body):
            return Response(500, (("content-type", "text/plain"),), b"Response size was too large.")
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
        return Response(answer.status, tuple(pair for pair in kept if pair[0].lower() != "content-length"), body)


def _listening(instance: _Instance) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and not instance.ended.is_set():
        try:
            with socket.create_connection(("127.0.0.1", instance.port), 1):
                return True
        except OSError:
            time.sleep(0.02)
    return False


def close_all(running: Iterable[Instances], why: str) -> None:
    """All at once; waits for their ends, not for ever."""
    closers = [threading.Thread(target=one.close, args=(why,), daemon=True) for one in running]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(15)
