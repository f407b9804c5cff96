"""The far end of one worker's runtime client: the Lambda Runtime API (2018-06-01) on a loopback port of its own.

No thread serves it. Its sockets sit in the worker's selector, and `Post`s come out of whatever loop drives that. Only
processes of this user are let in: the port could be reached by every user of the machine.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import h11

from toolkit.execution.aws_lambda.records import PAYLOAD_BYTES

What = Literal["next", "response", "error", "init-error", "unknown"]
_PREFIX = "/2018-06-01/runtime/"
_CHUNK = 1 << 18
_JSON = ("Content-Type", "application/json")


class Post(NamedTuple):
    """One request of the client. `body` is None when it was over the payload limit."""

    what: What
    request_id: str
    body: bytes | None
    connection: Connection


class RuntimeApi:
    """Listens from the start; `address` is for AWS_LAMBDA_RUNTIME_API."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=8)
        self._listener.setblocking(False)
        self._connections: set[Connection] = set()
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()[:2]
        return f"{host}:{port}"

    def close(self) -> None:
        for connection in list(self._connections):
            self.drop(connection)
        self._selector.unregister(self._listener)
        self._listener.close()

    def drop(self, connection: Connection) -> None:
        self._connections.discard(connection)
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.socket)
        connection.socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            peer, address = self._listener.accept()
            if not _is_ours(address[1], self._listener.getsockname()[1]):
                peer.close()
                return
            connection = Connection(peer)
            self._connections.add(connection)
            self._selector.register(peer, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: Connection) -> Post | None:
        try:
            return connection.read()
        except (OSError, EOFError, h11.ProtocolError):
            self.drop(connection)
            return None


class Connection:
    """One HTTP connection of the client, read as data comes."""

    def __init__(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = peer
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._too_large = False

    def read(self) -> Post | None:
        """A whole request, or None while it is not complete. EOFError when the client has gone."""
        data = self.socket.recv(_CHUNK)
        if not data:
            raise EOFError
        self._http.receive_data(data)
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._request, self._body, self._too_large = event, bytearray(), False
            elif isinstance(event, h11.Data):
                self._keep(event.data)
            elif isinstance(event, h11.EndOfMessage):
                return self._post()
            elif isinstance(event, h11.ConnectionClosed):
                raise EOFError
            else:
                return None

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes = b"", *, seconds: float = 5.0) -> None:
        """Answer the request that was read. OSError when the client does not take it within `seconds`."""
        http = self._http
        head = (
            http.send(h11.Response(status_code=status, headers=[*headers, ("Content-Length", str(len(body)))])) or b""
        )
        rest = (http.send(h11.Data(data=body)) or b"") if body else b""
        http.send(h11.EndOfMessage())
        self.socket.settimeout(seconds)
        try:
            self.socket.sendall(head + rest)
        finally:
            self.socket.setblocking(False)
        if http.our_state is h11.DONE and http.their_state is h11.DONE:
            http.start_next_cycle()

    def accept(self) -> None:
        self.reply(202, [_JSON], b'{"status":"OK"}\n')

    def refuse_size(self) -> None:
        self.reply(413, [_JSON], b'{"errorType":"RequestEntityTooLarge","errorMessage":"Exceeded maximum payload"}')

    def refuse_path(self) -> None:
        self.reply(404, [_JSON], b'{"errorType":"NotFound","errorMessage":"no such call of the Runtime API"}')

    def _keep(self, data: bytes) -> None:
        if len(self._body) + len(data) > PAYLOAD_BYTES:
            self._too_large = True
            self._body.clear()
        if not self._too_large:
            self._body += data

    def _post(self) -> Post:
        assert self._request is not None
        path = self._request.target.decode("ascii", "replace")
        what, request_id = _what(self._request.method.decode(), path)
        return Post(what, request_id, None if self._too_large else bytes(self._body), self)


def _what(method: str, path: str) -> tuple[What, str]:
    if not path.startswith(_PREFIX):
        return "unknown", ""
    match (method, *path.removeprefix(_PREFIX).split("/")):
        case ("GET", "invocation", "next"):
            return "next", ""
        case ("POST", "invocation", request_id, "response"):
            return "response", request_id
        case ("POST", "invocation", request_id, "error"):
            return "error", request_id
        case ("POST", "init", "error"):
            return "init-error", ""
    return "unknown", ""


def _is_ours(peer_port: int, our_port: int) -> bool:
    """Whether the other end of a loopback connection belongs to this user (Linux; elsewhere it is not asked)."""
    if sys.platform != "linux":
        return True
    wanted = f"0100007F:{peer_port:04X} 0100007F:{our_port:04X}"
    for line in Path("/proc/self/net/tcp").read_text().splitlines():
        if wanted in line:
            return int(line.split()[7]) == os.getuid()
    return False
