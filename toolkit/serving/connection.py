"""uvicorn's own connection (httptools), with the bounds it lacks and one write an answer.

uvicorn 0.54 with httptools bounds neither the size of a request's head nor the time it may take to arrive, and a client
that never reads its answer keeps it in memory for good. Here: `HEAD_BYTES` and `HEAD_FIELDS` (431), `HEAD_SECONDS` from
the connection, or from the first byte of a further request, to the end of the head (408), `CONNECTIONS` at a time
(503), and what a client has not read when its keep-alive ends is dropped. The time of a body is `Limits.body_seconds`.

uvicorn writes head and body apart, which is two system calls and wakes the client twice. They are joined here: 10 us of
the 31 that uvicorn takes of an answer of its own.

A client that keeps its connection sends the same head again and again. What httptools made of a head that was answered
at once is remembered for that connection; a request that comes whole, alone and with a head of the very same bytes goes
to the application as it did, and the parser, which is between two messages, is not asked.
"""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from toolkit.serving import instant

HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100
HEAD_SECONDS = 10.0
CONNECTIONS = 1000
KNOWN_HEADS, KNOWN_BYTES = 16, 2048  # of one connection, and of one head: a length more or less is another head

_REASONS = {408: b"408 Request Timeout", 431: b"431 Request Header Fields Too Large", 503: b"503 Service Unavailable"}


_END = b"\r\n\r\n"
_clock: tuple[int, bytes] = (0, b"")


def _date() -> bytes:
    """The Date header of this second."""
    global _clock
    now = int(time.time())
    if _clock[0] != now:
        _clock = (now, formatdate(now, usegmt=True).encode())
    return _clock[1]


class Known(NamedTuple):
    """A head that was answered at once."""

    headers: list[tuple[bytes, bytes]]
    length: int  # of its body


class Refused(Exception):
    """Raised inside the parser's callbacks, so that it stops."""


class Joined:
    """A transport that holds the head of an answer back until its body comes. What uvicorn asks of a transport."""

    __slots__ = ("_head", "_transport", "_write", "get_extra_info", "is_closing", "pause_reading", "resume_reading")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._write, self._head = transport, transport.write, b""
        self.is_closing, self.get_extra_info = transport.is_closing, transport.get_extra_info
        self.pause_reading, self.resume_reading = transport.pause_reading, transport.resume_reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head:
            self._write(self._head + data)
            self._head = b""
        elif data.endswith(b"\r\n\r\n") and data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self._head = data
        elif data:
            self._write(data)

    def flush(self) -> None:
        if self._head:
            self._write(self._head)
            self._head = b""

    def close(self) -> None:
        self.flush()
        self._transport.close()


class Connection(HttpToolsProtocol):
    """`uvicorn.run(..., http=Connection)`."""

    _timer: asyncio.TimerHandle | None = None
    _bytes = _fields = 0
    _refusal = 0
    _in_head = False
    _idle = 0.0  # since when nothing is under way, by the loop's clock; 0 while something is
    _held: list[bytes] | None = None  # the body so far of a request that may be answered at once
    _answered: Known | None = None  # the last of the requests in what is being read that was answered at once

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._known: dict[bytes, Known] = {}
        self._write = transport.write
        self.transport = Joined(transport)  # type: ignore[assignment]
        if len(self.connections) > CONNECTIONS:
            self._refuse(503)
        else:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        self._stop_waiting()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._bytes = self._fields = 0
        self._in_head = True
        self._idle = 0.0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        self._count(len(name) + len(value))
        name = name.lower()
        if name == b"expect":
            super().on_header(name, value)
        else:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._arrived()
        self._held = [] if self._may_be_instant() else None
        if self._held is None:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_message_complete(self) -> None:
        if self._held is None:
            return super().on_message_complete()
        body = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        response = self.app.instantly(self.headers, body, _date())
        if response is None:
            self._let_go()
            return super().on_message_complete()
        self._held = None
        self._answered = Known(self.headers, len(body))
        self._send(response)
        return None

    def _send(self, response: bytes) -> None:
        self._write(response)
        self.server_state.total_requests += 1
        self._idle = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._wait(self.timeout_keep_alive)

    def data_received(self, data: bytes) -> None:
        fresh = self._idle > 0.0  # nothing is under way, no part of a request is with the parser
        if fresh and self._known and self._again(data):
            return
        self._answered = None
        super().data_received(data)
        if fresh and self._idle:
            self._learn(data)
        if self._in_head and self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, 408)
        if self._held is not None and self.parser is not None:
            self._let_go()  # the rest of the body is on its way: uvicorn waits for it

    def _again(self, data: bytes) -> bool:
        """Whether `data` was one whole request with a head that is known, and is answered."""
        end = data.find(_END) + len(_END)
        known = self._known.get(data[:end])
        if known is None or len(data) != end + known.length or self.flow.write_paused:
            return False
        response = self.app.instantly(known.headers, data[end:], _date())
        if response is None:
            return False
        self._send(response)
        return True

    def _learn(self, data: bytes) -> None:
        """Remember the head of `data` if that is one whole request and nothing else, its length said in its head."""
        answered = self._answered
        if answered is None:
            return
        end = data.find(_END) + len(_END)
        plain = (b"content-length", b"%d" % answered.length) in answered.headers
        if plain and end + answered.length == len(data) and end <= KNOWN_BYTES:
            if len(self._known) >= KNOWN_HEADS:
                self._known.clear()
            self._known[data[:end]] = answered

    def _may_be_instant(self) -> bool:
        """Whether the application may answer before there is a task for it: nothing else under way here, a plain POST
        to the one route that has such an answer."""
        return (
            self.url == instant.PATH
            and self.parser.get_method() == b"POST"
            and (self.cycle is None or self.cycle.response_complete)
            and not self.expect_100_continue
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.flow.write_paused
            and hasattr(self.app, "instantly")
        )

    def _let_go(self) -> None:
        """Go on as uvicorn does."""
        held, self._held = self._held or [], None
        super().on_headers_complete()
        for part in held:
            super().on_body(part)

    def on_response_complete(self) -> None:
        self.transport.flush()  # type: ignore[attr-defined]  # the answer to a HEAD has no body to be joined with
        self._stop_waiting()
        super().on_response_complete()
        self._idle = self.loop.time()

    def _unset_keepalive_if_required(self) -> None:
        """Something came. The timer runs on and looks then: to stop one and start one each request is 5 % of it."""
        self._idle = 0.0

    def _wait(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        left = self._idle + self.timeout_keep_alive - self.loop.time()
        if self._idle and left > 0.0:
            self._wait(left)
        elif self._idle:  # or else the answer that is under way starts the next wait
            if self.transport.get_write_buffer_size():
                self.transport.abort()
            super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        if self._refusal:
            self._refuse(self._refusal)
        else:
            super().send_400_response(msg)

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > HEAD_BYTES or self._fields > HEAD_FIELDS:
            self._refusal = 431
            raise Refused

    def _arrived(self) -> None:
        """The head is there, or nobody waits for it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int) -> None:
        self._in_head = False
        self._arrived()
        if not self.transport.is_closing():
            retry = b"retry-after: 1\r\n" if status == 503 else b""
            head = b"HTTP/1.1 %b\r\ncontent-length: 0\r\n%bconnection: close\r\n\r\n" % (_REASONS[status], retry)
            self.transport.write(head)
            self.transport.close()
