"""The faults that Google's services are held to, as Google tells them, each with what a caller may be told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from toolkit.adapters.gcp import client, job_submission
from toolkit.domain.errors import (
    ConfigError,
    PermissionDenied,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from toolkit.state import patience
from toolkit.testing.faultcases import NETWORK, Case
from toolkit.testing.faultproxy import Applied, Refused


def told(status: int, code: str, message: str = "the reason") -> str:
    """google.rpc.Status; storage adds a reason of its own."""
    errors = [{"reason": code.lower(), "message": message, "domain": "global"}]
    return json.dumps({"error": {"code": status, "message": message, "status": code, "errors": errors}})


def refused(status: int, code: str, message: str = "the reason") -> Refused:
    return Refused(status, code, told(status, code, message))


def applied(status: int, code: str) -> Applied:
    return Applied(status, code, told(status, code))


CASES = {
    **NETWORK,
    "applied, then 503": Case(applied(503, "UNAVAILABLE"), (Unavailable,)),
    "applied, then 500": Case(applied(500, "INTERNAL"), (Unavailable,)),
    "503": Case(refused(503, "UNAVAILABLE"), (Unavailable,)),
    "500": Case(refused(500, "INTERNAL"), (Unavailable,)),
    "502 from a front": Case(Refused(502, "", "<html>Bad Gateway</html>"), (Unavailable,)),
    "throttled": Case(refused(429, "RESOURCE_EXHAUSTED"), (Throttled,), sure=True),
    "expired token": Case(refused(401, "UNAUTHENTICATED"), (Unauthenticated,), sure=True),
    "denied": Case(refused(403, "PERMISSION_DENIED"), (PermissionDenied,), sure=True),
    "an API that is off": Case(
        refused(403, "PERMISSION_DENIED", "Cloud API has not been used in project 1 before or it is disabled."),
        (ConfigError, PermissionDenied),
        sure=True,
    ),
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pauses between tries: the adapter's, the state's."""
    monkeypatch.setattr(patience, "sleep", lambda seconds: None)
    monkeypatch.setattr(job_submission, "PAUSE", 0.0)
    stamina.set_testing(True, attempts=6, cap=True)
    yield
    stamina.set_testing(False)


def waiting(endpoint: str, seconds: float) -> Any:
    """A session of one's own that waits so long for an answer, whatever is asked of it."""
    made = client.session.__wrapped__(endpoint)
    send = made.request
    made.request = lambda *args, **more: send(*args, **{**more, "timeout": (5.0, seconds)})
    return made
