"""A request as it came over the wire, and what is answered. No framework's types: executors and tests build both."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

_SCOPE = re.compile(r"Credential=([^/,]+)/\d{8}/([a-z0-9-]*)/([a-z0-9-]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One request. `target` is its path and query as sent (still quoted); header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    environ: Mapping[str, Any] = field(default_factory=dict)  # of WSGI, for moto

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def raw_query(self) -> str:
        return self.target.partition("?")[2]

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @cached_property
    def _scope(self) -> tuple[str, str, str]:
        said = self.headers.get("authorization", "") or f"Credential={self.query.get('X-Amz-Credential', '')}"
        found = _SCOPE.search(said)
        return (found[1], found[2], found[3]) if found else ("", "", "")

    @property
    def key_id(self) -> str:
        """The access key that it says it is signed with; "" if it is not signed."""
        return self._scope[0]

    @property
    def region(self) -> str:
        return self._scope[1]

    @property
    def service(self) -> str:
        """The service it is signed for ("s3", "lambda", "batch", "scheduler"); "" if it is not signed."""
        return self._scope[2]

    def json(self) -> Any:
        """The body's JSON value; an empty one is {}. ValueError."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True)
class Reply:
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Reply:
        """A JSON value; header names with `_` for `-`."""
        told = tuple((name.replace("_", "-"), text) for name, text in headers.items())
        return cls(status, (("content-type", "application/json"), *told), json.dumps(value).encode())

    @classmethod
    def refused(cls, status: int, code: str, message: str, **more: Any) -> Reply:
        """As services that speak REST and JSON refuse (Lambda, Batch, Scheduler)."""
        value = {"Type": "User", "Message": message, "message": message, **more}
        return cls.of(value, status, x_amzn_errortype=code)

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


def call_of(environ: dict[str, Any]) -> Call:
    """Reads the whole body."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name in {"CONTENT_TYPE", "CONTENT_LENGTH"}
    }
    length = environ.get("CONTENT_LENGTH")
    body = environ["wsgi.input"].read(int(length) if length else None) if length or _chunked(headers) else b""
    target = environ.get("REQUEST_URI") or environ["PATH_INFO"]
    return Call(environ["REQUEST_METHOD"], target, headers, body, environ)


def environ_of(call: Call) -> dict[str, Any]:
    """What moto is given: the request's own, or one made up for a call that came over no wire."""
    from werkzeug.test import EnvironBuilder

    if call.environ:
        return {**call.environ, "wsgi.input": io.BytesIO(call.body), "CONTENT_LENGTH": str(len(call.body))}
    return EnvironBuilder(
        path=call.path,
        query_string=call.raw_query,
        method=call.method,
        headers=list(call.headers.items()),
        data=call.body,
    ).get_environ()


def reply_of(status: str, headers: Iterable[tuple[str, str]], chunks: Iterable[bytes]) -> Reply:
    return Reply(int(status.split(maxsplit=1)[0]), tuple(headers), b"".join(chunks))


def status_line(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"{status} Unknown"


def _chunked(headers: Mapping[str, str]) -> bool:
    return headers.get("transfer-encoding", "").lower() == "chunked"
