"""Events against Mangum, which others wrote: what it makes of them must be the request that was sent."""

import base64
import json
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mangum import Mangum

from toolkit.execution.http_events import BadAnswer, from_result, to_event
from toolkit.execution.http_messages import Request, Response

Scope = MutableMapping[str, Any]
_PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))
_TOKEN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=12)
_VALUE = st.text(_PRINTABLE, max_size=30).map(str.strip)
_OURS = {"cookie", "host", "connection", "keep-alive", "te", "trailer", "upgrade", "content-type", "proxy-connection"}
_NAMES = _TOKEN.filter(lambda name: name not in _OURS and name != "transfer-encoding")
_TYPES = st.sampled_from(["", "application/json", "text/csv; charset=utf-8", "application/octet-stream", "image/png"])


class Echo:
    """An ASGI app that keeps what it was asked and answers what it was given."""

    def __init__(self, answer: Response = Response(200)) -> None:  # noqa: B008  # frozen
        self.scope: Scope = {}
        self.body = b""
        self._answer = answer

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        self.scope, self.body = scope, b""
        while True:
            message = await receive()
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = [(name.encode(), value.encode()) for name, value in self._answer.headers]
        await send({"type": "http.response.start", "status": self._answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": self._answer.body})


def through_mangum(app: Echo, request: Request) -> Response:
    event = json.loads(json.dumps(to_event(request, function="probe", request_id="id")))
    result = Mangum(cast(Any, app), lifespan="off")(event, cast(Any, SimpleNamespace(aws_request_id="id")))
    return from_result(json.dumps(result).encode())


@settings(deadline=None)
@given(
    path=st.text(max_size=40).filter(lambda path: "\0" not in path),
    query=st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=4),
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
)
def test_line(path: str, query: list[tuple[str, str]], method: str) -> None:
    encoded = "/" + quote(path.encode("utf-8", "surrogatepass"))
    raw = "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
    app = Echo()
    through_mangum(app, Request(method, f"{encoded}?{raw}" if raw else encoded))
    assert app.scope["path"] == unquote(encoded)
    assert app.scope["query_string"] == raw.encode()
    assert app.scope["method"] == method


@settings(deadline=None)
@given(headers=st.lists(st.tuples(_NAMES, _VALUE), max_size=6), cookies=st.lists(_TOKEN, max_size=4))
def test_headers_and_cookies(headers: list[tuple[str, str]], cookies: list[str]) -> None:
    sent = [f"{name}=v{number}" for number, name in enumerate(cookies)]
    pairs = tuple(headers) + ((("cookie", "; ".join(sent)),) if sent else ())
    app = Echo()
    through_mangum(app, Request("GET", "/", pairs))
    found = {name.decode(): value.decode() for name, value in app.scope["headers"]}
    assert found.pop("cookie", "") == "; ".join(sent)
    expected: dict[str, str] = {}
    for name, value in headers:
        expected[name] = f"{expected[name]},{value}" if name in expected else value
    assert found == expected


@settings(deadline=None)
@given(body=st.binary(max_size=300) | st.text(max_size=100).map(str.encode), content_type=_TYPES)
def test_bodies_go_in_unchanged(body: bytes, content_type: str) -> None:
    app = Echo()
    headers = (("content-type", content_type),) if content_type else ()
    through_mangum(app, Request("POST", "/", headers, body))
    assert app.body == body


@settings(deadline=None)
@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=300) | st.text(max_size=100).map(str.encode),
    content_type=_TYPES.filter(bool),
    headers=st.dictionaries(_NAMES.filter(lambda name: name != "content-length"), _VALUE, max_size=4),
    cookies=st.lists(_TOKEN, max_size=3),
)
def test_answers_come_out_unchanged(
    status: int, body: bytes, content_type: str, headers: dict[str, str], cookies: list[str]
) -> None:
    given_cookies = tuple(("set-cookie", f"{name}=1; Path=/; Max-Age=5") for name in cookies)
    answer = Response(status, (*headers.items(), ("content-type", content_type), *given_cookies), body)
    found = through_mangum(Echo(answer), Request("GET", "/"))
    assert (found.status, found.body) == (status, body)
    assert sorted(found.headers) == sorted(answer.headers)


def test_an_event_in_full() -> None:
    request = Request(
        "POST",
        "/my%20path?a=1&a=2&b=&c=%C3%A4",
        (("host", "127.0.0.1:8000"), ("user-agent", "probe"), ("x-one", "1"), ("x-one", "2"), ("connection", "close")),
        b'{"k": 1}',
        "10.0.0.9",
    )
    event = to_event(request, function="fn", request_id="the-id", now=datetime(2013, 7, 1, 12, tzinfo=UTC))
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/my%20path",
        "rawQueryString": "a=1&a=2&b=&c=%C3%A4",
        "headers": {"host": "127.0.0.1:8000", "user-agent": "probe", "x-one": "1,2"},
        "queryStringParameters": {"a": "1,2", "b": "", "c": "ä"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "fn",
            "domainName": "127.0.0.1:8000",
            "domainPrefix": "127",
            "http": {
                "method": "POST",
                "path": "/my%20path",
                "protocol": "HTTP/1.1",
                "sourceIp": "10.0.0.9",
                "userAgent": "probe",
            },
            "requestId": "the-id",
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jul/2013:12:00:00 +0000",
            "timeEpoch": 1372680000000,
        },
        "body": base64.b64encode(b'{"k": 1}').decode(),
        "isBase64Encoded": True,
    }
    assert parse_qs(event["rawQueryString"], keep_blank_values=True)["a"] == ["1", "2"]


@pytest.mark.parametrize(
    ("result", "body"),
    [({"a": 1}, b'{"a": 1}'), ("text", b"text"), ([1, 2], b"[1, 2]"), (None, b"null"), (3, b"3")],
)
def test_a_result_without_a_status_is_a_body(result: Any, body: bytes) -> None:
    found = from_result(json.dumps(result).encode())
    assert found == Response(200, (("content-type", "application/json"),), body)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "many"},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": None},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: stolen=1"}},
        {"statusCode": 200, "headers": {"x y": "a"}},
        {"statusCode": 200, "headers": {"x": {"deep": 1}}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a=1\r\nx: y"]},
    ],
)
def test_what_is_no_answer(result: Any) -> None:
    with pytest.raises(BadAnswer):
        from_result(json.dumps(result).encode())


def test_the_connections_own_headers_are_not_the_functions() -> None:
    result = {
        "statusCode": 200,
        "headers": {"Transfer-Encoding": "chunked", "Content-Length": 999, "X-N": 5, "X-B": True},
    }
    found = from_result(json.dumps(result).encode())
    assert found.headers == (("x-n", "5"), ("x-b", "true"), ("content-type", "application/json"))


def test_bytes_that_are_not_json_are_no_answer() -> None:
    with pytest.raises(BadAnswer, match="not JSON"):
        from_result(b"\xff")
