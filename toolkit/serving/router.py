"""Champion and challenger in one function, told apart by what a request says of its sender: the same one always gets
the same version.

Providers split traffic at random for each call, if at all. Here a value of the request (a header, or a field of its
first row) is hashed with the key of the rollout; what falls below the challenger's share is the challenger's. As the
share grows from stage to stage, whoever had the challenger keeps it. The next rollout has another key, and so other
people in front.

A request without the value is sent at random, so that the share holds; so are labels and everything else that is not
asked of a model. Each version counts and captures by itself, as if it were alone: the judge cannot tell who routed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from toolkit.serving.app import App
from toolkit.serving.body import Message, Receive, Send, unpacked
from toolkit.serving.problems import Problem
from toolkit.serving.routing import Scope
from toolkit.serving.settings import Limits, Split

_PARTS = 1 << 64


class Router:
    """ASGI: one of two Apps for each request. They share the metrics, which carry the champion's name."""

    def __init__(self, champion: App, challenger: App, split: Split, draw: Callable[[], float] = random.random) -> None:
        self.champion, self.challenger, self.split = champion, challenger, split
        self.measures = challenger.measures = champion.measures
        kind, _, name = split.by.partition(":")
        self._header = name.encode() if kind == "header" else b""
        self._field = name if kind == "field" else ""
        self._key, self._draw = split.key.encode()[:64], draw

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.champion(scope, receive, _closing(send, self.challenger))
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.champion(scope, receive, send)
        value: str | None = None
        if self._header:
            value = next((v.decode("latin-1") for k, v in scope["headers"] if k == self._header), None)
        elif self._field:
            messages, receive = await _peek(receive, self.champion.limits.max_body)
            value = _value(scope, messages, self._field, self.champion.limits.max_body)
        return await self.chosen(value)(scope, receive, send)

    def chosen(self, value: str | None) -> App:
        """Which of the two answers whoever sends `value`; None: nobody that could be told from others."""
        part = self._draw() if value is None else self._part(value)
        return self.challenger if part < self.split.share else self.champion

    def instantly(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, date: bytes) -> bytes | None:
        """Never: it has to be routed first."""
        return None

    def close(self) -> None:
        """The last flush of both."""
        for app in (self.champion, self.challenger):
            if app.capture is not None:
                app.capture.close()

    def _part(self, value: str) -> float:
        """Where in [0, 1) the value lies, by the rollout's key."""
        hashed = blake2b(value.encode(), digest_size=8, key=self._key)
        return int.from_bytes(hashed.digest(), "big") / _PARTS


def _closing(send: Send, other: App) -> Send:
    """The champion answers to the server's lifespan; the challenger flushes at its end too."""

    async def sent(message: Any) -> None:
        if message["type"] == "lifespan.shutdown.complete" and other.capture is not None:
            other.capture.close()
        await send(message)

    return sent


async def _peek(receive: Receive, most: int) -> tuple[list[Message], Receive]:
    """The messages of a body of up to `most` bytes, and a `receive` that begins with them."""
    messages: list[Message] = []
    size = 0
    while size <= most:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    waiting = iter(messages)

    async def again() -> Message:
        found = next(waiting, None)
        return await receive() if found is None else found

    return messages, again


def _value(scope: Scope, messages: Sequence[Message], field: str, most: int) -> str | None:
    """The field in the first row, in any of the JSON protocols; None where there is none, or it is no plain value."""
    data = b"".join(message.get("body", b"") for message in messages)
    try:
        if any(k == b"content-encoding" and v.strip().lower() == b"gzip" for k, v in scope["headers"]):
            data = unpacked(data, Limits(max_body=most))
        found = _first(msgspec.json.decode(data), field)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Problem):
        return None  # whoever is asked says what is wrong with it
    return str(found) if isinstance(found, str | int | float) else None


def _first(document: Any, field: str) -> Any:
    if not isinstance(document, dict):
        return _of_row(document, field)
    columns = document.get("columns")
    if isinstance(columns, dict):
        return _item(columns.get(field))
    for rows in ("records", "instances", "dataframe_records"):
        if rows in document:
            return _of_row(document[rows], field)
    split = document.get("dataframe_split", document)
    if isinstance(split, dict) and isinstance(split.get("columns"), list) and field in split["columns"]:
        row = _item(split.get("data"))
        at = split["columns"].index(field)
        return row[at] if isinstance(row, list) and at < len(row) else None
    inputs = document.get("inputs")
    if isinstance(inputs, list):
        named = (part for part in inputs if isinstance(part, dict) and part.get("name") == field)
        return _item(next(named, {}).get("data"))
    if isinstance(inputs, dict):
        return _item(inputs.get(field))
    return document.get(field)


def _of_row(rows: Any, field: str) -> Any:
    row = _item(rows)
    return row.get(field) if isinstance(row, dict) else None


def _item(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None
