"""Calling functions over their URL as whoever runs the command, with a token for the target's audience; events."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from toolkit.adapters.azure import arm_delivery, client
from toolkit.adapters.azure.arm_apps import JOBS
from toolkit.adapters.azure.names import job
from toolkit.domain.errors import NotFound, ProviderError, Throttled, Unavailable, Unsupported
from toolkit.domain.specs import HttpRequest, HttpResponse
from toolkit.ports import Settings

if TYPE_CHECKING:
    from toolkit.adapters.azure.arm_apps import Apps

EVENT = "/_toolkit/event"
FAILED = "x-toolkit-function-error"
_PATH = "/%:@!$&'()*+,;=~-._"  # what a path may hold as it is; a percent sign is taken as the client's own encoding
_SECONDS = 270.0  # longer than any function may take
_RENEW = 600.0  # seconds that a token is kept


class Tokens:
    """Of the caller, for the audience that the functions of the target take."""

    def __init__(self, settings: Settings) -> None:
        self._endpoint, self._audience = settings["services_endpoint"], settings["audience"]
        self._lock = threading.Lock()
        self._kept, self._until = "", 0.0

    def token(self) -> str:
        """Unauthenticated."""
        with self._lock:
            if time.monotonic() > self._until:
                self._kept = client.token(self._endpoint, self._audience)
                self._until = time.monotonic() + _RENEW
            return self._kept


def over_url(url: str, request: HttpRequest, token: str) -> HttpResponse:
    """Unavailable when nothing answers. The function's own Authorization is what Easy Auth reads: a request that has
    one is sent with it."""
    import urllib3

    target = url.rstrip("/") + quote(request.path, safe=_PATH)
    if request.query:
        target += f"?{request.query}"
    headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
    if not any(name.lower() == "authorization" for name in headers):
        headers["Authorization"] = f"Bearer {token}"
    try:
        answer = _pool().request(
            request.method, target, body=request.body or None, headers=headers, retries=False, redirect=False,
            timeout=urllib3.Timeout(connect=10.0, read=_SECONDS), decode_content=False,
        )  # fmt: skip
    except urllib3.exceptions.HTTPError as error:
        raise Unavailable(f"{url} does not answer: {error}", hint="run the same command again") from error
    found = {name.lower(): value for name, value in answer.headers.items()}
    return HttpResponse(status=answer.status, headers=found, body=answer.data)


def event(name: str, url: str, payload: dict[str, Any], token: str) -> Any:
    """The function's value. ProviderError (it failed), Throttled."""
    given = HttpRequest(
        method="POST", path=EVENT, headers={"Content-Type": "application/json"}, body=json.dumps(payload).encode()
    )
    answer = over_url(url, given, token)
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = answer.body.decode("utf-8", "replace")[:300]
    if answer.status == 200:
        return told
    if answer.status == 429:
        raise Throttled(f"function {name!r} has too many calls at once", hint="try again, or raise its concurrency")
    if FAILED in answer.headers and isinstance(told, dict):
        why = f"{told.get('errorType', 'Error')}: {told.get('errorMessage', '')}"
        raise ProviderError(f"function {name!r} failed: {why}", hint="toolkit logs")
    raise ProviderError(f"function {name!r} answered with status {answer.status}: {told}", hint="toolkit logs")


def enqueue(apps: Apps, name: str, url: str, payload: dict[str, Any]) -> None:
    """Start an execution of the function's job of events, which hands it over and tries again; made when it is first
    needed."""
    told = arm_delivery.told(apps, url, payload)
    if len(json.dumps(told).encode()) > arm_delivery.MOST_BYTES:
        raise Unsupported(f"an event that nobody waits for has at most {arm_delivery.MOST_BYTES:,} bytes")
    path, what = path_of_events(apps, name), f"send an event to function {name}"
    container = arm_delivery.container(apps, told)
    try:
        apps.post(what, f"{path}/start", {"containers": [container]})
    except NotFound:
        body = arm_delivery.body(apps, container, arm_delivery.MANUAL, {"managed-by": "toolkit"})
        apps.change(f"make the job of events of function {name}", "PUT", path, body)
        apps.post(what, f"{path}/start", {"containers": [container]})


def path_of_events(apps: Apps, name: str) -> str:
    return apps.arm.path(JOBS, job(f"events-{name}"))


def _pool() -> Any:
    import urllib3

    global _shared
    if _shared is None:
        _shared = urllib3.PoolManager(maxsize=16)
    return _shared


_shared: Any = None
