"""A small HTTP/1.1 server for loopback: h11 parses, a thread a connection, limits on everything a client controls.

A thread a connection keeps the path of a warm call free of hand-overs (a call blocks its thread in any case), and the
number of connections is capped. Bounded by its own clock: the head of a request, its body, the wait between requests,
and the writing of the answer; a client that sends a byte now and then does not get longer.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from toolkit.execution.http_messages import Request, Response, json_response

_CHUNK = 1 << 18
_LINGER_SECONDS = 1.0


@dataclass(frozen=True)
class Limits:
    head_bytes: int = 32 * 1024
    body_bytes: int = 6 * 1024**2
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
    connections: int = 256


Answer = Callable[[Request], Response]


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.response = json_response(status, {"Message": message})


class HttpServer:
    """Listens on 127.0.0.1 from the start; `answer` is called from many threads. OSError when the port is taken."""

    def __init__(self, port: int, answer: Answer, limits: Limits | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._answer = answer
        self._limits = limits or Limits()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="http-accept", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """No new connection is taken, the open ones are cut."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            peers = list(self._open)
        for peer in peers:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(5)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                peer, address = self._listener.accept()
            except OSError:
                if self._closing.is_set():
                    return
                time.sleep(0.05)  # out of file descriptors: connections that end give some back
                continue
            with self._lock:
                full = len(self._open) >= self._limits.connections
                if not full:
                    self._open.add(peer)
            if full:
                peer.close()
                continue
            threading.Thread(target=self._serve, args=(peer, address[0]), name="http", daemon=True).start()

    def _serve(self, peer: socket.socket, address: str) -> None:
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(peer, address, self._limits)
            while not self._closing.is_set() and connection.serve_one(self._answer):
                pass
        except (OSError, h11.ProtocolError):
            pass  # the client has gone, or takes too long to take its answer
        finally:
            with self._lock:
                self._open.discard(peer)
            peer.close()


class _Connection:
    """One client's requests, one after another."""

    def __init__(self, peer: socket.socket, address: str, limits: Limits) -> None:
        self._peer = peer
        self._address = address
        self._limits = limits
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.head_bytes)
        self._silent = False  # the answer goes without its body

    def serve_one(self, answer: Answer) -> bool:
        """Read a request and answer it; False when the connection is over."""
        try:
            request = self._read()
            if request is None:
                return False
            response = _safely(answer, request)
        except _Refused as refused:
            self._write(refused.response, close=True)
            self._linger()
            return False
        self._write(response)
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    def _read(self) -> Request | None:
        """A whole request; None when the client has closed or stays silent. Raises _Refused."""
        head = self._head()
        if head is None:
            return None
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
        length = dict(headers).get("content-length", "0")
        if int(length) > self._limits.body_bytes:
            raise _Refused(413, "Request Entity Too Large")
        body = self._body()
        return Request(head.method.decode("ascii"), _target(head.target), headers, body, self._address)

    def _head(self) -> h11.Request | None:
        begun = self._http.trailing_data[0] != b""
        deadline = time.monotonic() + (self._limits.head_seconds if begun else self._limits.idle_seconds)
        while True:
            event = self._next()
            if isinstance(event, h11.Request):
                self._silent = event.method == b"HEAD"
                # h11 limits what it has to keep while incomplete; a head that came in one piece is measured here.
                if len(event.target) + sum(len(n) + len(v) + 4 for n, v in event.headers) > self._limits.head_bytes:
                    raise _Refused(431, "Request Header Fields Too Large")
                return event
            if event is not h11.NEED_DATA:
                return None
            try:
                data = self._receive(deadline)
            except TimeoutError:
                if begun:
                    raise _Refused(408, "Request Timeout") from None
                return None
            if not begun:
                begun = True
                deadline = time.monotonic() + self._limits.head_seconds
            self._http.receive_data(data)

    def _body(self) -> bytes:
        body = bytearray()
        deadline = time.monotonic() + self._limits.body_seconds
        while True:
            event = self._next()
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._limits.body_bytes:
                    raise _Refused(413, "Request Entity Too Large")
            elif isinstance(event, h11.EndOfMessage):
                return bytes(body)
            else:
                self._continue()
                try:
                    self._http.receive_data(self._receive(deadline))
                except TimeoutError:
                    raise _Refused(408, "Request Timeout") from None

    def _continue(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            self._peer.sendall(self._http.send(go_on) or b"")

    def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise _Refused(error.error_status_hint, str(error)) from error

    def _receive(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._peer.settimeout(left)
        return self._peer.recv(_CHUNK)

    def _write(self, response: Response, *, close: bool = False) -> None:
        http = self._http
        if http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        headers = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in response.headers]
        empty = response.status in {204, 304}  # has no body, and no length of one
        told = self._silent and any(name == "content-length" for name, _ in response.headers)  # of a HEAD's
        if not empty and not told:
            headers.append((b"content-length", str(len(response.body)).encode()))
        if close:
            headers.append((b"connection", b"close"))
        data = http.send(h11.Response(status_code=response.status, headers=headers)) or b""
        if response.body and not empty and not self._silent:
            data += http.send(h11.Data(data=response.body)) or b""
        data += http.send(h11.EndOfMessage()) or b""
        self._peer.settimeout(self._limits.write_seconds)
        self._peer.sendall(data)

    def _linger(self) -> None:
        """Let a refused client read the answer: closing on what it still sends would reset the connection."""
        deadline = time.monotonic() + _LINGER_SECONDS
        self._peer.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):
            while self._receive(deadline):
                pass


def _target(raw: bytes) -> str:
    """Path and query, also where a proxy's client sends the whole URL. Raises _Refused."""
    target = raw.decode("ascii", "replace")
    if target.startswith("/"):
        return target
    parts = urlsplit(target)
    if parts.scheme not in {"http", "https"}:
        raise _Refused(400, "Bad Request")
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _safely(answer: Answer, request: Request) -> Response:
    """A bug in `answer` costs one request, not the connection's thread without a word."""
    try:
        return answer(request)
    except Exception as error:
        print(json.dumps({"error": repr(error), "request": f"{request.method} {request.path}"}), flush=True)  # noqa: T201
        return json_response(500, {"Message": "Internal Server Error"})
