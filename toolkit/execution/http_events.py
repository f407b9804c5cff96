"""HTTP to API Gateway events (payload format 2.0) and back: pure functions.

Function URLs speak the same format. The path stays percent-encoded in the event, as function URLs leave it; Mangum
decodes it once. Sources: "Working with AWS Lambda proxy integrations for HTTP APIs" and "Invoking Lambda function URLs"
in AWS's developer guides.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from toolkit.execution.http_messages import Headers, Request, Response

# Sent as text in the event; every other content type as base64.
_TEXT = re.compile(r"text/|application/(json|javascript|xml|x-www-form-urlencoded|[\w.+-]+\+(json|xml))(;|$)", re.I)
# About one connection, never about the message behind it.
_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


class BadAnswer(ValueError):
    """What the function returned is not an HTTP answer; the message says why."""


def to_event(request: Request, *, function: str, request_id: str, now: datetime | None = None) -> dict[str, Any]:
    """The event of one request. `now` is when it came (UTC)."""
    moment = now or datetime.now(UTC)
    headers = _joined(request.headers)
    host = headers.get("host", "")
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path or "/",
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": function,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path or "/",
                "protocol": "HTTP/1.1",
                "sourceIp": request.peer,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": moment.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(moment.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies := [c for name, value in request.headers if name == "cookie" for c in value.split("; ") if c]:
        event["cookies"] = cookies
    if parameters := _parameters(request.query):
        event["queryStringParameters"] = parameters
    if request.body:
        event["body"], event["isBase64Encoded"] = _body(request.body, headers.get("content-type", ""))
    return event


def _joined(pairs: Headers) -> dict[str, str]:
    """One value a name, several joined by commas; cookies travel in a list of their own."""
    joined: dict[str, str] = {}
    for name, value in pairs:
        if name not in _HOP and name != "cookie":
            joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _parameters(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=None):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    if _TEXT.match(content_type):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def from_result(payload: bytes) -> Response:
    """The answer that a function's result (JSON) stands for. Raises BadAnswer.

    A JSON object with `statusCode` is an answer; anything else is a body of its own, with status 200.
    """
    try:
        result = json.loads(payload)
    except ValueError as error:
        raise BadAnswer(f"not JSON: {error}") from error
    if not isinstance(result, dict) or "statusCode" not in result:
        body = result.encode() if isinstance(result, str) else payload
        return Response(200, (("content-type", "application/json"),), body)
    return Response(_status(result["statusCode"]), _headers(result), _answer_body(result))


def _status(value: Any) -> int:
    try:
        status = int(value)
    except (TypeError, ValueError) as error:
        raise BadAnswer(f"statusCode {value!r} is not a number") from error
    if not 200 <= status <= 599:
        raise BadAnswer(f"statusCode {status} is not one of 200 to 599")
    return status


def _headers(result: Mapping[str, Any]) -> Headers:
    given, cookies = result.get("headers") or {}, result.get("cookies") or []
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise BadAnswer("headers must be an object and cookies a list")
    pairs = [(str(name).lower(), _text(value)) for name, value in given.items()]
    pairs += [("set-cookie", _text(cookie)) for cookie in cookies]
    for name, value in pairs:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadAnswer(f"header {name!r} has a character that headers cannot have")
    kept = tuple((name, value.strip(" \t")) for name, value in pairs if name not in _HOP and name != "content-length")
    if not any(name == "content-type" for name, _ in kept):
        kept += (("content-type", "application/json"),)
    return kept


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise BadAnswer(f"header value {value!r} is not text")
    return str(value)


def _answer_body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise BadAnswer(f"body is {type(body).__name__}, not text")
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadAnswer(f"body is not base64: {error}") from error
