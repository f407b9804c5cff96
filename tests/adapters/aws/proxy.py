"""A proxy that does to requests what networks and busy services do: answers for the server, or loses its reply.

    with Proxy(address, plan) as proxy: ... proxy.address ... proxy.seen

`plan(number, method, target)` decides for every request, counted from 1: None lets it through, else one of the below.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Refused:
    """Not forwarded; the service's error instead."""

    status: int
    code: str


@dataclass(frozen=True)
class Applied:
    """Forwarded; then the connection is closed without a reply (status 0), or answered with this error."""

    status: int = 0
    code: str = "ServiceUnavailable"


@dataclass(frozen=True)
class Torn:
    """Forwarded; the reply breaks off after so many bytes of its body."""

    bytes: int


Fault = Refused | Applied | Torn
Plan = Callable[[int, str, str], Fault | None]


class Proxy:
    def __init__(self, server: str, plan: Plan) -> None:
        self.seen: list[str] = []
        self._upstream = urlsplit(server).netloc
        self._plan = plan
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self.address = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def count(self, method: str) -> int:
        return sum(line.startswith(f"{method} ") for line in self.seen)

    def _fault(self, method: str, target: str) -> Fault | None:
        with self._lock:
            self.seen.append(f"{method} {target}")
            return self._plan(len(self.seen), method, target)

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
                    return self.refuse(fault.status, fault.code)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                with proxy._forward(self.command, self.path, body, headers) as reply:
                    data = reply.read()
                if isinstance(fault, Applied):
                    self.close_connection = True
                    return self.refuse(fault.status, fault.code) if fault.status else None
                return self.answer(reply, data, fault.bytes if isinstance(fault, Torn) else len(data))

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do  # noqa: N815  # the names that http.server calls

            def answer(self, reply: http.client.HTTPResponse, data: bytes, length: int) -> None:
                self.send_response(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                        self.send_header(name, value)
                if reply.getheader("content-length") is None:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[:length])
                self.close_connection = length < len(data)

            def refuse(self, status: int, code: str) -> None:
                words = f"<Error><Code>{code}</Code><Message>the reason</Message></Error>"
                kind = self.headers.get("Content-Type", "")
                if self.headers.get("X-Amz-Target") or kind.startswith(
                    "application/json"
                ):  # a service that speaks JSON
                    words = json.dumps({"__type": code, "message": "the reason"})
                elif kind.startswith("application/x-www-form-urlencoded"):
                    words = f"<ErrorResponse>{words.replace('<Error>', '<Error><Type>Sender</Type>')}</ErrorResponse>"
                body = b"" if self.command == "HEAD" else words.encode()
                self.send_response(status)
                self.send_header("x-amzn-errortype", code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Handler
