"""An HTTP request and its answer, whole, with headers as pairs (a name may come twice)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """`target` is path and query as they came, percent-encoded; header names are lower-case."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    peer: str = "127.0.0.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str:
        """Its first value, "" when there is none; `name` in lower case."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass(frozen=True)
class Response:
    status: int
    headers: Headers = ()
    body: bytes = b""


def json_response(status: int, value: Any, *headers: tuple[str, str]) -> Response:
    return Response(status, (("content-type", "application/json"), *headers), json.dumps(value).encode())
