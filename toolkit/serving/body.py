"""The bytes of a request, within bounds: content type, gzip, size, time. What is refused is a Problem, stated below.

Not JSON by its content type: 415 (a missing content type is taken as JSON). An encoding other than gzip: 415. More than
`max_body` bytes, as sent or unpacked: 413, without unpacking or keeping the rest. Broken gzip: 400. A client that takes
longer than `body_seconds` to send: 408.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import types
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping, MutableMapping
from typing import Any

from toolkit.serving.problems import Problem
from toolkit.serving.settings import Limits

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


MAX_DRAINED = 128 * 1024**2


class Disconnected(Exception):
    """The client went away while it was sending; nobody is there to answer."""


class Body:
    """The body of one request. `read` it once; `drain` what is left of it before refusing, or the answer is lost."""

    __slots__ = ("_ended", "_limits", "_receive")

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self._ended = False

    async def read(self, headers: Mapping[bytes, bytes], others: Collection[bytes] = ()) -> bytes:
        """The whole body, unpacked; `others` are content types taken beside JSON. Raises Problem or Disconnected."""
        limits = self._limits
        encoding = _accept(headers, others)
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > limits.max_body:
            raise _too_large(limits)
        data = await self._collect()
        return unpacked(data, limits) if encoding == b"gzip" else data

    async def drain(self, most: int = MAX_DRAINED) -> None:
        """Take and drop what the client is still sending, within bounds of time and size. A server that closes a
        connection with unread data resets it, and the client never sees why it was refused."""
        size = 0
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.body_seconds):
                while not self._ended and size < most:
                    size += len(self._open(await self._receive()))

    async def _collect(self) -> bytes:
        """Most bodies are one message that is there already, so the clock is started only when there is a wait: a
        timer costs as much as decoding a row."""
        coming = self._receive().__await__()
        try:
            waiting = next(coming)
        except StopIteration as arrived:
            data = self._open(arrived.value)
            if self._ended:
                if len(data) > self._limits.max_body:
                    raise _too_large(self._limits) from None
                return data
            first = _at_hand(arrived.value)
        else:
            first = _resume(coming, waiting)
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._join(first)
        except TimeoutError as error:
            self._ended = True  # nobody waits for the rest
            detail = f"the body did not arrive within {self._limits.body_seconds:g} s"
            raise Problem(408, "slow-request", detail) from error

    async def _join(self, first: Awaitable[Message]) -> bytes:
        chunks = [self._open(await first)]
        size = len(chunks[0])
        while size <= self._limits.max_body:
            if self._ended:
                return b"".join(chunks)
            chunks.append(self._open(await self._receive()))
            size += len(chunks[-1])
        raise _too_large(self._limits)

    def _open(self, message: Message) -> bytes:
        if message["type"] == "http.disconnect":
            self._ended = True
            raise Disconnected
        self._ended = not message.get("more_body")
        data: bytes = message.get("body", b"")
        return data


def media(value: bytes) -> bytes:
    """A content type without its parameters."""
    return value.partition(b";")[0].strip().lower()


def _accept(headers: Mapping[bytes, bytes], others: Collection[bytes]) -> bytes:
    """The content encoding, after refusing what is neither JSON nor one of `others`."""
    content_type = headers.get(b"content-type")
    if content_type is not None and content_type != b"application/json":
        kind, *parameters = (part.strip() for part in content_type.lower().replace(b'"', b"").split(b";"))
        charsets = {part for part in parameters if part.startswith(b"charset=")}
        known = (
            kind == b"application/json"
            or kind in others
            or (kind.startswith(b"application/") and kind.endswith(b"+json"))
        )
        if not known or not charsets <= {b"charset=utf-8", b"charset=utf8"}:
            shown = content_type.decode("latin-1")[:80]
            taken = b" or ".join([b"application/json", *sorted(others)]).decode()
            raise Problem(415, "content-type", f"content type {shown!r} is not taken; send {taken} in UTF-8")
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"gzip", b"identity", b""):
        raise Problem(
            415,
            "content-encoding",
            f"content encoding {encoding.decode('latin-1')[:40]!r} is not taken; send gzip or none",
            headers=((b"accept-encoding", b"gzip, identity"),),
        )
    return encoding


async def _at_hand(message: Message) -> Message:
    return message


@types.coroutine
def _resume(coming: Any, waiting: Any) -> Generator[Any, Any, Message]:
    """Go on with what was started by hand and now waits for `waiting`."""
    while True:
        try:
            sent = yield waiting
        except BaseException as error:
            step = functools.partial(coming.throw, error)
        else:
            step = functools.partial(coming.send, sent)
        try:
            waiting = step()
        except StopIteration as arrived:
            message: Message = arrived.value
            return message


def unpacked(data: bytes, limits: Limits) -> bytes:
    import zlib

    stream = zlib.decompressobj(wbits=31)  # gzip only
    try:
        plain = stream.decompress(data, limits.max_body + 1)
    except zlib.error as error:
        raise Problem(400, "bad-gzip", f"the body is not gzip: {error}") from error
    if len(plain) > limits.max_body:
        raise _too_large(limits)
    if not stream.eof or stream.unused_data:
        raise Problem(400, "bad-gzip", "the gzip body is cut off" if not stream.eof else "data follows the gzip body")
    return plain


def _too_large(limits: Limits) -> Problem:
    return Problem(413, "body-too-large", f"the body is larger than {limits.max_body} bytes; send fewer rows at a time")
