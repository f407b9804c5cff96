"""Calling functions over their URL as whoever runs the command, with a token for the target's audience; events."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from toolkit.adapters.azure import arm_delivery, client
from toolkit.adapters.azure.arm_apps import JOBS
from toolkit.adapters.azure.names import job
from toolkit.domain.errors import NotFound, Unsupported
from toolkit.domain.specs import HttpRequest, HttpResponse
from toolkit.execution import http_calls
from toolkit.ports import Settings

if TYPE_CHECKING:
    from toolkit.adapters.azure.arm_apps import Apps

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
    identity = {} if http_calls.authorized(request) else {"Authorization": f"Bearer {token}"}
    return http_calls.send(url, request, identity, _SECONDS)


def event(name: str, url: str, payload: dict[str, Any], token: str) -> Any:
    """The function's value. ProviderError (it failed), Throttled."""
    return http_calls.event(name, payload, lambda request: over_url(url, request, token))


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
