"""What the host answers over HTTP: `/<function>/...` as its function URL would, `/_toolkit/...` for the adapter.

A function that is not public wants `Authorization: Bearer TOKEN`; the header goes no further. The two
`x-toolkit-` headers named here are between the adapter and the host, and count only with the control token; others
(the time of a replayed request) are the function's.
"""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Callable, Mapping

from toolkit.domain.errors import NotFound, ToolkitError
from toolkit.execution import http_events
from toolkit.execution.aws_lambda import Outcome
from toolkit.execution.aws_lambda.records import REQUEST_TOO_LARGE, THROTTLED, TIMEOUT
from toolkit.execution.host.running import Running
from toolkit.execution.http_messages import Request, Response, json_response

CONTROL = "x-toolkit-control"
VERSION = "x-toolkit-version"
FUNCTION_ERROR = "x-amz-function-error"  # Lambda's Invoke marks with it that the payload is an error
ERROR_TYPE = "x-amzn-errortype"
_OURS = frozenset({CONTROL, VERSION})
_PREFIX = "/_toolkit/"


class Front:
    """Callable as the server's `answer`, from many threads."""

    def __init__(self, running: Running, token: str, control: str, status: Callable[[], Mapping[str, object]]) -> None:
        self._running = running
        self._token = token
        self._control = control
        self._status = status

    def __call__(self, request: Request) -> Response:
        try:
            if request.path.startswith(_PREFIX):
                return self._administer(request)
            return self._function(request)
        except NotFound as error:
            return json_response(404, {"Message": error.message})
        except ToolkitError as error:
            return json_response(500, {"Message": error.message}, (ERROR_TYPE, error.code))

    def _function(self, request: Request) -> Response:
        name, _, rest = request.path.removeprefix("/").partition("/")
        function = self._running.function(name) if _is_name(name) else None
        if function is None:
            return json_response(404, {"Message": "Not Found"})
        trusted = _same(request.header(CONTROL), self._control)
        version = request.header(VERSION)
        if version and not trusted:
            return json_response(403, {"Message": "Forbidden"})
        version = version or function.choose()
        private = function.spec(version).auth != "public"
        if private and not trusted and (refusal := self._refuse(request)):
            return refusal
        target = f"/{rest}?{request.query}" if request.query else f"/{rest}"
        event = http_events.to_event(
            Request(request.method, target, _passed_on(request, name, private), request.body, request.peer),
            function=name,
            request_id=str(uuid.uuid4()),
        )
        return _answer(function.call(json.dumps(event).encode(), version))

    def _refuse(self, request: Request) -> Response | None:
        """401 without a token, 403 with a wrong one, in the words of a function URL."""
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return json_response(401, {"Message": "Unauthorized"}, ("www-authenticate", "Bearer"))
        return None if _same(token.strip(), self._token) else json_response(403, {"Message": "Forbidden"})

    def _administer(self, request: Request) -> Response:
        if not _same(request.header(CONTROL), self._control):
            return json_response(403, {"Message": "Forbidden"})
        match (request.method, *request.path.removeprefix(_PREFIX).split("/")):
            case ("GET", "status"):
                return json_response(200, self._status())
            case ("POST", "functions", name, "invoke"):
                return _invocation(self._running.function(name).call(request.body, request.header(VERSION)))
            case ("POST", "functions", name, "events"):
                self._running.function(name).take_events()
                return Response(202)
            case ("DELETE", "functions", name):
                self._running.drop(name)
                return Response(204)
            case ("POST", "recycle"):
                self._running.look_after()
                return Response(204)
        return json_response(404, {"Message": "Not Found"})


def _passed_on(request: Request, name: str, private: bool) -> tuple[tuple[str, str], ...]:
    """What the function is to see: not our headers, and not the token that opened it."""
    dropped = {"authorization"} if private else set()
    kept = [pair for pair in request.headers if pair[0] not in _OURS and pair[0] not in dropped]
    ours = {"x-forwarded-proto", "x-forwarded-port", "x-forwarded-for", "x-forwarded-prefix"}
    host = request.header("host")
    return (
        *(pair for pair in kept if pair[0] not in ours),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", host.rpartition(":")[2] if ":" in host else "80"),
        ("x-forwarded-for", request.peer),
        ("x-forwarded-prefix", f"/{name}"),  # where the app's own links begin
    )


def _answer(outcome: Outcome) -> Response:
    """The HTTP answer of an invocation."""
    if not outcome.error:
        try:
            return http_events.from_result(outcome.payload)
        except http_events.BadAnswer as error:
            return json_response(502, {"Message": f"Internal Server Error: {error}"}, (ERROR_TYPE, "BadAnswer"))
    if outcome.error == THROTTLED:
        return json_response(429, {"Message": "Rate Exceeded."}, (ERROR_TYPE, THROTTLED), ("retry-after", "1"))
    if outcome.error == REQUEST_TOO_LARGE:
        return json_response(413, {"Message": outcome.message}, (ERROR_TYPE, REQUEST_TOO_LARGE))
    status = 504 if outcome.error == TIMEOUT else 500
    return json_response(status, {"Message": "Internal Server Error"}, (ERROR_TYPE, _header(outcome.error)))


def _invocation(outcome: Outcome) -> Response:
    """As Lambda's Invoke answers: 200 also for a function that failed, which a header tells."""
    headers = [("content-type", "application/json"), ("x-amzn-requestid", outcome.request_id)]
    if outcome.error:
        headers += [(FUNCTION_ERROR, "Unhandled"), (ERROR_TYPE, _header(outcome.error))]
    return Response(outcome.status, tuple(headers), outcome.payload)


def _header(text: str) -> str:
    """An error type that a function made up, fit for a header."""
    return "".join(c for c in text if c.isalnum() or c in "._-")[:100] or "Error"


def _same(given: str, expected: str) -> bool:
    """Compared in constant time; an empty one is never right."""
    return bool(given) and hmac.compare_digest(given.encode(), expected.encode())


def _is_name(text: str) -> bool:
    return bool(text) and all(c.isascii() and (c.isalnum() or c == "-") for c in text) and text == text.lower()
