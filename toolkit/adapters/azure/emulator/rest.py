"""Requests of REST APIs: found by host, verb and path, held to a model of Azure's own SDK or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, unquote

from toolkit.adapters.azure.emulator import shapes
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.refused import Refused, invalid
from toolkit.execution.http_messages import Headers, Request, Response, json_response


@dataclass(frozen=True)
class Call:
    """An accepted request. `path` holds the parameters of the template, `caller` is who asks."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any
    request: Request
    caller: str

    def header(self, name: str) -> str:
        return self.request.header(name)


@dataclass(frozen=True)
class Reply:
    """`body` None is an answer without one."""

    body: Any = None
    status: int = 200
    headers: Headers = ()


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Method:
    """`host` and `path` are templates: "{vault}.vault.azure.net", "/secrets/{name}"; `{name...}` takes slashes too.

    `body` is the model that the body has to fit, None for a request that has none, `list[Model]` for an array of it, or
    bytes for one that is no JSON. `versions` are the api-versions that the service has; `query` the further parameters
    that the method knows, with a "!" before one that is required. `patch`: what is required may be left out.
    """

    verb: str
    host: str
    path: str
    handler: Handler
    body: Any = None
    versions: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    patch: bool = False
    optional: bool = False  # whether a body may be left out
    seen: list[dict[str, Any]] = field(default_factory=list, compare=False, hash=False)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(f"/{_regex(self.host)}{_regex(self.path)}", re.IGNORECASE)

    def call(self, request: Request, caller: str) -> Call:
        """Raises Refused."""
        found = self.pattern.fullmatch(request.path)
        assert found is not None
        query = _query(request)
        self._check_query(query)
        body = self._body(request)
        return Call({name: unquote(text) for name, text in found.groupdict().items()}, query, body, request, caller)

    def _check_query(self, query: Mapping[str, str]) -> None:
        if self.versions:
            given = query.get("api-version", "")
            if not given:
                raise invalid(
                    "The api-version query parameter (?api-version=) is required for all requests.",
                    "MissingApiVersionParameter",
                )
            if given not in self.versions:
                raise invalid(
                    f"The api-version '{given}' is invalid. The supported versions are '{','.join(self.versions)}'.",
                    "InvalidApiVersionParameter",
                )
        known = {name.lstrip("!") for name in self.query} | ({"api-version"} if self.versions else set())
        for name in query:
            if name not in known:
                raise invalid(f"The query parameter '{name}' is not known.", "InvalidQueryParameter")
        for name in self.query:
            if name.startswith("!") and not query.get(name[1:]):
                raise invalid(f"The query parameter '{name[1:]}' is required.", "MissingQueryParameter")

    def _body(self, request: Request) -> Any:
        if self.body is bytes:
            return request.body
        if self.body is None:
            if request.body not in {b"", b"{}"}:
                raise invalid("This request takes no body.")
            return {}
        if not request.body and self.optional:
            return {}
        if not request.header("content-type").startswith(("application/json", "application/cloudevents")):
            raise Refused(415, "UnsupportedMediaType", "The content media type is not application/json.")
        try:
            found = json.loads(request.body)
        except ValueError as error:
            raise invalid(f"The request content was invalid and could not be deserialized: '{error}'.") from error
        shapes.check(found, self.body, full=not self.patch)
        return found


class Rest:
    """All methods; answers a request whose first folder is a host."""

    def __init__(self, methods: tuple[Method, ...], identity: Identity, guard: Callable[[Request, str], None]) -> None:
        """`guard(request, caller)` raises Refused for what the caller may not do."""
        self._methods, self._identity, self._guard = methods, identity, guard

    def __call__(self, request: Request) -> Response:
        fitting = [one for one in self._methods if one.pattern.fullmatch(request.path)]
        host = request.path.split("/")[1]
        if not fitting and not any(re.fullmatch(_regex(one.host), host, re.IGNORECASE) for one in self._methods):
            raise Refused(404, "NotFound", f"there is no service {host}")
        caller = self._identity.caller(request, host)
        method = next((one for one in fitting if one.verb == request.method), None)
        if method is None:
            if fitting:
                raise Refused(405, "MethodNotAllowed", f"The requested resource does not support '{request.method}'.")
            raise Refused(404, "InvalidResourceType", f"There is nothing at {request.path}.")
        self._guard(request, caller)
        call = method.call(request, caller)
        reply = method.handler(call)
        method.seen[:] = [_told(method, request)]
        if reply.body is None:
            return Response(reply.status, reply.headers)
        return json_response(reply.status, reply.body, *reply.headers)

    def seen(self) -> list[dict[str, Any]]:
        """One accepted request of every method, for the test that spoils them."""
        return [told for one in self._methods for told in one.seen]


def _told(method: Method, request: Request) -> dict[str, Any]:
    return {
        "method": f"{method.verb} {method.host}{method.path}", "verb": request.method, "target": request.target,
        "body": request.body.decode("utf-8", "replace"), "json": method.body not in (None, bytes),
        "version": bool(method.versions), "patch": method.patch, "optional": method.optional,
        "etag": request.header("if-match"),
    }  # fmt: skip


def _regex(template: str) -> str:
    parts, end = [], 0
    for found in re.finditer(r"\{(\w+)(\.\.\.)?\}", template):
        parts.append(re.escape(template[end : found.start()]))
        parts.append(f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})")
        end = found.end()
    return "".join(parts) + re.escape(template[end:])


def _query(request: Request) -> dict[str, str]:
    pairs = parse_qsl(request.query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) < len(pairs):
        raise invalid("A query parameter is there twice.", "InvalidQueryParameter")
    return found
