"""Calling functions: over their URL with the caller's own signature, or by Invoke."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote, urlsplit

from toolkit.adapters.aws.errors import code, translated
from toolkit.adapters.aws.function_api import ALIAS, Api
from toolkit.domain.errors import ProviderError, Throttled, ToolkitError, Unavailable, Unsupported
from toolkit.domain.specs import HttpRequest, HttpResponse
from toolkit.execution import http_events
from toolkit.execution.http_calls import PATH
from toolkit.execution.http_messages import Request

_SECONDS = 930.0  # longer than any function may take
_EVENT_BYTES = 1024**2


def over_url(url: Any, request: HttpRequest, credentials: Any, region: str, endpoint: str = "") -> HttpResponse:
    """`url` is a URL's configuration. Unavailable when nothing answers.

    `endpoint` is where AWS's services are instead: an emulator that gives out AWS's own host names answers them there.
    """
    import urllib3

    target = url["FunctionUrl"].rstrip("/") + quote(request.path, safe=PATH)
    if request.query:
        target += f"?{request.query}"
    headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
    if url["AuthType"] == "AWS_IAM":
        headers = _signed(request.method, target, headers, request.body, credentials, region)
    place = urlsplit(target)
    if endpoint and (place.hostname or "").endswith(".on.aws"):
        headers = {**headers, "Host": place.netloc}
        target = endpoint + target.removeprefix(f"{place.scheme}://{place.netloc}")
    try:
        answer = urllib3.request(
            request.method, target, body=request.body or None, headers=headers, redirect=False, retries=False,
            timeout=urllib3.Timeout(connect=10.0, read=_SECONDS),
        )  # fmt: skip
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(
            f"the function at {url['FunctionUrl']} did not answer: {error}", hint="toolkit status"
        ) from error
    told = {name.lower(): value for name, value in answer.headers.items()}
    return HttpResponse(status=answer.status, headers=told, body=answer.data)


def _signed(
    method: str, url: str, headers: dict[str, str], body: bytes, credentials: Any, region: str
) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    kept = {name: value for name, value in headers.items() if name.lower() != "authorization"}
    request = AWSRequest(method, url, {}, body or None)
    with translated("sign the request", region):
        SigV4Auth(credentials, "lambda", region).add_auth(request)
    return {**kept, **dict(request.headers.items())}


def as_version(api: Api, name: str, request: HttpRequest, version: str) -> HttpResponse:
    """As over the URL, to a version: URLs lead to aliases only, so it is the event of a URL that is sent."""
    path = quote(request.path, safe=PATH)
    target = f"{path}?{request.query}" if request.query else path
    headers = tuple((key.lower(), value) for key, value in request.headers.items())
    event = http_events.to_event(
        Request(request.method, target, (("host", "version"), *headers), request.body),
        function=name,
        request_id=str(uuid.uuid4()),
    )
    try:
        reply = _invoke(api, name, json.dumps(event).encode(), Qualifier=version)
    except Throttled:
        return HttpResponse(status=429, headers={}, body=b"")
    except Unsupported:
        return HttpResponse(status=413, headers={}, body=b"")
    if reply.get("FunctionError"):
        return HttpResponse(status=502, headers={}, body=b"Internal Server Error")
    try:
        answer = http_events.from_result(reply["Payload"].read())
    except http_events.BadAnswer:
        return HttpResponse(status=502, headers={}, body=b"Internal Server Error")
    return HttpResponse(status=answer.status, headers=dict(answer.headers), body=answer.body)


def event(api: Api, name: str, value: dict[str, Any], *, wait: bool) -> Any:
    payload = json.dumps(value).encode()
    if not wait:
        if len(payload) > _EVENT_BYTES:
            raise Unsupported(
                f"an event that nobody waits for has at most {_EVENT_BYTES} bytes; this has {len(payload)}"
            )
        _invoke(api, name, payload, Qualifier=ALIAS, InvocationType="Event")
        return None
    reply = _invoke(api, name, payload, Qualifier=ALIAS)
    told = json.loads(reply["Payload"].read() or b"null")
    if reply.get("FunctionError"):
        kind, words = told.get("errorType", "Error"), told.get("errorMessage", "")
        raise ProviderError(f"function {name!r} failed: {kind}: {words}", hint="toolkit logs")
    return told


def _invoke(api: Api, name: str, payload: bytes, **more: str) -> Any:
    """Never repeated by itself: the first call may have had its effect."""
    try:
        with api.translated(f"call function {name}"):
            return api.service.invoke(FunctionName=name, Payload=payload, **more)
    except ToolkitError as error:
        if code(error) == "TooManyRequestsException":
            raise Throttled(error.message, hint="try again, or raise the function's concurrency") from error.__cause__
        raise
