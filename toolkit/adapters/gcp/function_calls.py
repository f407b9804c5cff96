"""Calling services over their URL as whoever runs the command, with an ID token for that URL."""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from typing import Any

from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.errors import translated
from toolkit.adapters.gcp.run_api import Run
from toolkit.domain.errors import AlreadyExists, NotFound, Unsupported
from toolkit.domain.specs import HttpRequest, HttpResponse
from toolkit.execution import http_calls

TASK_BYTES = 900_000  # of Cloud Tasks' megabyte, in base64
_SECONDS = 3630.0  # longer than any function may take
_RENEW = 300.0  # seconds before its end that a token is renewed


class Tokens:
    """ID tokens of the caller, one an audience. An emulator's operator and whoever has an `invoker` get theirs from IAM
    Credentials; service accounts and machines of Google's make their own."""

    def __init__(self, run: Run) -> None:
        endpoint = run.settings["services_endpoint"]
        operator = f"operator@{run.project}.iam.gserviceaccount.com"
        self._account: str = run.settings["invoker"] or (operator if endpoint in client.emulated else "")
        self._api = Api("iamcredentials.googleapis.com", "v1", endpoint)
        self._kept: dict[str, tuple[str, float]] = {}

    def token(self, audience: str) -> str:
        """Unauthenticated, PermissionDenied."""
        found, until = self._kept.get(audience, ("", 0.0))
        if until < time.time() + _RENEW:
            found = self._generated(audience) if self._account else self._own(audience)
            self._kept[audience] = (found, time.time() + 3600)
        return found

    def _generated(self, audience: str) -> str:
        what = f"call a function as {self._account}"
        path = f"projects/-/serviceAccounts/{self._account}:generateIdToken"
        return str(self._api.call(what, "POST", path, {"audience": audience, "includeEmail": True})["token"])

    def _own(self, audience: str) -> str:
        from google.auth.transport.requests import Request
        from google.oauth2 import id_token

        with translated("get a token to call a function with"):
            return str(id_token.fetch_id_token(Request(), audience))


def over_url(url: str, request: HttpRequest, token: str) -> HttpResponse:
    """`token` "" calls as nobody. Unavailable when nothing answers."""
    # Cloud Run takes X-Serverless-Authorization for itself, so that the function's own Authorization stays what it is.
    own = "X-Serverless-Authorization" if http_calls.authorized(request) else "Authorization"
    return http_calls.send(url, request, {own: f"Bearer {token}"} if token else {}, _SECONDS)


def event(name: str, url: str, payload: dict[str, Any], token: str) -> Any:
    """The function's value. ProviderError (it failed), Throttled."""
    return http_calls.event(name, payload, lambda request: over_url(url, request, token))


def enqueue(run: Run, name: str, url: str, payload: dict[str, Any]) -> None:
    """Hand the event to Cloud Tasks, which delivers it at least once as the scheduler's account."""
    body = json.dumps(payload).encode()
    if len(body) > TASK_BYTES * 3 // 4:
        raise Unsupported(
            f"an event that nobody waits for has at most {TASK_BYTES * 3 // 4} bytes; this has {len(body)}"
        )
    api = Api("cloudtasks.googleapis.com", "v2", run.settings["services_endpoint"])
    queue = f"{run.parent}/queues/{run.names.queue}"
    request = {
        "url": url + http_calls.EVENT,
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "body": base64.b64encode(body).decode(),
        "oidcToken": {"serviceAccountEmail": run.account("scheduler"), "audience": url},
    }
    what = f"queue an event for function {name}"
    try:
        api.call(what, "POST", f"{queue}/tasks", {"task": {"httpRequest": request}})
    except NotFound:
        with suppress(AlreadyExists):  # no operator made it
            api.call(f"make queue {queue}", "POST", f"{run.parent}/queues", {"name": queue})
        api.call(what, "POST", f"{queue}/tasks", {"task": {"httpRequest": request}})
