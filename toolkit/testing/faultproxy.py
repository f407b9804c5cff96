"""A proxy that does to requests what networks and busy services do: answers for the server, or loses its reply.

    with Proxy(address, plan) as proxy: ... proxy.address ... proxy.seen

`plan(number, method, target)` decides for every request, counted from 1: None lets it through, else one of the below.
It knows no cloud: errors are told in XML, or in JSON to whoever speaks it, as AWS's services do.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

_NOT_ON = {"expect", "connection"}
OWN = {"connection", "transfer-encoding", "date", "server"}  # headers that this proxy says itself


@dataclass(frozen=True)
class Refused:
    """Not forwarded; the service's error instead. `body`: its JSON, where it is not told as AWS tells it."""

    status: int
    code: str
    body: str = ""


@dataclass(frozen=True)
class Applied:
    """Forwarded; then the connection is closed without a reply (status 0), or answered with this error."""

    status: int = 0
    code: str = "ServiceUnavailable"
    body: str = ""


@dataclass(frozen=True)
class Torn:
    """Forwarded; the reply breaks off after so many bytes of its body."""

    bytes: int


@dataclass(frozen=True)
class Altered:
    """Forwarded; the last byte of the reply's body arrives as another."""


@dataclass(frozen=True)
class Cut:
    """Forwarded; the reply breaks off in its headers."""


@dataclass(frozen=True)
class Reset:
    """The connection is reset (RST), before the request is forwarded or after."""

    after: bool = False


@dataclass(frozen=True)
class Slow:
    """Forwarded; the reply comes so many seconds later."""

    seconds: float


Fault = Refused | Applied | Torn | Altered | Cut | Reset | Slow
Plan = Callable[[int, str, str], Fault | None]


def first(*faults: Fault, method: str = "", part: str = "") -> Plan:
    """These faults for the first requests of that method with `part` in their target, then none."""
    left = list(faults)
    lock = threading.Lock()

    def plan(number: int, verb: str, target: str) -> Fault | None:
        with lock:
            return left.pop(0) if left and verb.startswith(method) and part in target else None

    return plan


def at(wanted: int, fault: Fault) -> Plan:
    """This fault for the request of that number."""
    return lambda number, method, target: fault if number == wanted else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that has gone, which is what is being tested."""


class Proxy:
    def __init__(self, server: str, plan: Plan = lambda *_: None) -> None:
        self.seen: list[str] = []
        self.plan = plan
        self._upstream = urlsplit(server).netloc
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self.address = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def begin(self, plan: Plan) -> None:
        """Count from 1 again, with this plan."""
        with self._lock:
            self.seen.clear()
            self.plan = plan

    def count(self, method: str) -> int:
        return sum(line.startswith(f"{method} ") for line in self.seen)

    def _fault(self, method: str, target: str) -> Fault | None:
        with self._lock:
            self.seen.append(f"{method} {target}")
            number, plan = len(self.seen), self.plan
        return plan(number, method, target)

    def _forward(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(self._upstream, timeout=30)
        connection.request(method, target, body=body, headers=headers)
        return connection.getresponse()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fault = proxy._fault(self.command, self.path)
                if isinstance(fault, Refused):
                    return self.refuse(fault.status, fault.code, fault.body)
                if isinstance(fault, Reset) and not fault.after:
                    return self.reset()
                kept = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_ON}
                headers = {**kept, "Connection": "close"}  # one request each, so that no socket is left open
                with proxy._forward(self.command, self.path, body, headers) as reply:
                    data = reply.read()
                if isinstance(fault, Reset):
                    return self.reset()
                if isinstance(fault, Applied):
                    self.close_connection = True
                    return self.refuse(fault.status, fault.code, fault.body) if fault.status else None
                if isinstance(fault, Cut):
                    self.close_connection = True
                    self.wfile.write(f"HTTP/1.1 {reply.status} {reply.reason}\r\nContent-Le".encode())
                    return None
                if isinstance(fault, Slow):
                    time.sleep(fault.seconds)
                return self.answer(reply, data, fault)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do  # noqa: N815  # the names that http.server calls

            def answer(self, reply: http.client.HTTPResponse, data: bytes, fault: Fault | None) -> None:
                self.send_response(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in OWN:
                        self.send_header(name, value)
                if reply.getheader("content-length") is None:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if isinstance(fault, Altered) and data:
                    data = data[:-1] + bytes([data[-1] ^ 1])
                sent = data[: fault.bytes] if isinstance(fault, Torn) else data
                self.wfile.write(sent)
                self.close_connection = len(sent) < len(data)

            def reset(self) -> None:
                self.close_connection = True
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.wfile.close()
                self.rfile.close()
                self.connection.close()

            def refuse(self, status: int, code: str, told: str) -> None:
                words = told or f"<Error><Code>{code}</Code><Message>the reason</Message></Error>"
                kind = self.headers.get("Content-Type", "")
                if told:
                    pass
                elif self.headers.get("X-Amz-Target") or kind.startswith("application/json"):  # it speaks JSON
                    words = json.dumps({"__type": code, "message": "the reason"})
                elif kind.startswith("application/x-www-form-urlencoded"):
                    words = f"<ErrorResponse>{words.replace('<Error>', '<Error><Type>Sender</Type>')}</ErrorResponse>"
                body = b"" if self.command == "HEAD" else words.encode()
                self.send_response(status)
                for name in ("x-amzn-errortype", "x-ms-error-code"):  # a HEAD's answer has no other place for it
                    self.send_header(name, code)
                if self.close_connection:  # said, or a client might send its next request where nobody listens
                    self.send_header("Connection", "close")
                if told:
                    self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Handler
