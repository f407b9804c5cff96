"""What a request and an answer are to a route, and the small readings of headers that every route shares."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.serving import problems
from toolkit.serving.body import Body
from toolkit.serving.problems import Problem

Scope = MutableMapping[str, Any]
Headers = dict[bytes, bytes]

JSON = b"application/json"
ARROW = b"application/vnd.apache.arrow.stream"
SAFE = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
DOCS = frozenset({"/docs", "/redoc", "/openapi.json"})
_ID_CHARACTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoint says of itself. `replay` lets a request say when it happened (past traffic, in a demo);
    the two routes are those that Vertex AI asks a container to have, "" elsewhere."""

    endpoint: str = ""
    version: int = 0
    replay: bool = False
    vertex_predict: str = ""
    vertex_health: str = ""


class Answer(msgspec.Struct, frozen=True):
    status: int
    content: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Request(msgspec.Struct, frozen=True):
    headers: Headers
    body: Body
    prefix: str  # of the ids of its predictions
    moment_ms: int
    trace: bytes  # the traceparent to answer with, b"" where none came


Handler = Callable[[Request], Awaitable[Answer]]


class Route(msgspec.Struct, frozen=True):
    label: str  # in the metrics
    methods: Mapping[str, Handler]
    protocol: str = ""  # the module of `protocols` whose errors these are, "" for problem+json


def request_id_of(headers: Headers, prefix: str) -> str:
    given = headers.get(b"x-request-id")
    if given and len(given) <= 128 and _ID_CHARACTERS.issuperset(given):
        return given.decode()
    return prefix


def event_time(value: bytes) -> int:
    try:
        return int(times.parse(value.decode("latin-1")).timestamp() * 1000)
    except (ConfigError, OverflowError, ValueError) as error:
        shown = problems.shown(value.decode("latin-1"))
        raise Problem(400, "bad-time", f"x-toolkit-time: {shown!r} is not RFC 3339") from error


def refusal(route: Route, problem: Problem, request_id: str) -> Answer:
    if route.protocol:
        from toolkit.serving.protocols import routes

        return routes.refusal(route.protocol, problem)
    return Answer(problem.status, problem.encode(request_id), problems.TYPE, tuple(problem.headers))


def continued(header: bytes) -> bytes:
    from toolkit.serving import trace

    return trace.continued(header)
