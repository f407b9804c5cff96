"""A proxy before a registry that applies a request and loses its reply, refuses sizes, or is busy, as it is told."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Fault = Callable[[str, str, int], str]
"""(method, path, length of the body) -> "" (pass on), "lose" (pass on, drop the reply), or a status to answer with."""


@dataclass
class Proxy:
    host: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    fault: Fault = lambda method, path, length: ""


def once(what: str, method: str, part: str) -> Fault:
    """A fault that happens to the first request of `method` with `part` in its path."""
    left = [what]

    def fault(asked: str, path: str, length: int) -> str:
        return left.pop() if left and asked == method and part in path else ""

    return fault


@contextmanager
def before(registry: str) -> Iterator[Proxy]:
    proxy = Proxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            proxy.seen.append((self.command, self.path))
            fault = proxy.fault(self.command, self.path, length)
            if fault.isdecimal():
                self.send_response(int(fault))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            upstream = http.client.HTTPConnection(registry, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            upstream.request(self.command, self.path, body, headers)
            got = upstream.getresponse()
            data = got.read()
            upstream.close()
            if fault == "lose":
                self.close_connection = True
                return
            self.send_response(got.status)
            for name, value in got.getheaders():
                if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                    self.send_header(name, value)
            size = got.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            if size is not None and got.status != 204:
                self.send_header("Content-Length", size)
            self.end_headers()
            if self.command != "HEAD":
                cut = len(data) // 2 if fault == "tear" else len(data)
                self.wfile.write(data[:cut])
                self.close_connection = fault == "tear"

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    proxy.host = f"127.0.0.1:{server.server_port}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
