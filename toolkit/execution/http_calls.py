"""Calls of functions that `container/serve.py` answers, over their URL: requests, and events as such requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from toolkit.domain.errors import ProviderError, Throttled, Unavailable
from toolkit.domain.specs import HttpRequest, HttpResponse

EVENT = "/_toolkit/event"  # where a function takes events
PATH = "/%:@!$&'()*+,;=~-._"  # what a path may hold as it is; a percent sign is taken as the client's own encoding
_FAILED = "x-toolkit-function-error"


def authorized(request: HttpRequest) -> bool:
    """Whether it has an Authorization of its own."""
    return any(name.lower() == "authorization" for name in request.headers)


def send(url: str, request: HttpRequest, identity: Mapping[str, str], seconds: float) -> HttpResponse:
    """`identity` are headers that say who calls; `seconds` how long an answer is waited for. Unavailable when nothing
    answers."""
    import urllib3

    target = url.rstrip("/") + quote(request.path, safe=PATH)
    if request.query:
        target += f"?{request.query}"
    headers = {name: value for name, value in request.headers.items() if name.lower() != "host"} | dict(identity)
    try:
        answer = _pool().request(
            request.method, target, body=request.body or None, headers=headers, retries=False, redirect=False,
            timeout=urllib3.Timeout(connect=10.0, read=seconds), decode_content=False,
        )  # fmt: skip
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"{url} does not answer: {error}", hint="run the same command again") from error
    found = {name.lower(): value for name, value in answer.headers.items()}
    return HttpResponse(status=answer.status, headers=found, body=answer.data)


def event(name: str, payload: dict[str, Any], call: Callable[[HttpRequest], HttpResponse]) -> Any:
    """The value of the function `name`, which `call` reaches. ProviderError (it failed), Throttled."""
    answer = call(
        HttpRequest(
            method="POST", path=EVENT, headers={"Content-Type": "application/json"}, body=json.dumps(payload).encode()
        )
    )
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = answer.body.decode("utf-8", "replace")[:300]
    if answer.status == 200:
        return told
    if answer.status == 429:
        raise Throttled(f"function {name!r} has too many calls at once", hint="try again, or raise its concurrency")
    if _FAILED in answer.headers and isinstance(told, dict):
        why = f"{told.get('errorType', 'Error')}: {told.get('errorMessage', '')}"
        raise ProviderError(f"function {name!r} failed: {why}", hint="toolkit logs")
    raise ProviderError(f"function {name!r} answered with status {answer.status}: {told}", hint="toolkit logs")


def _pool() -> Any:
    import urllib3

    global _shared
    if _shared is None:
        _shared = urllib3.PoolManager(maxsize=16)
    return _shared


_shared: Any = None
