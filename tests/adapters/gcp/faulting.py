"""The faults that Google's services are held to, as Google tells them, each with what a caller may be told of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import stamina

from toolkit.adapters.gcp import batch_jobs, client, jobs, store
from toolkit.domain.errors import (
    ConfigError,
    Corrupt,
    PermissionDenied,
    Throttled,
    ToolkitError,
    Unauthenticated,
    Unavailable,
)
from toolkit.state import patience
from toolkit.testing.faultproxy import Altered, Applied, Cut, Fault, Refused, Reset, Slow, Torn

LATE = 0.4  # seconds that a slow reply takes; who is tested with it waits half of that


class Case(NamedTuple):
    """`told` is what a call may end with; `sure`: then it was not applied."""

    fault: Fault
    told: tuple[type[ToolkitError], ...]
    sure: bool = False


def told(status: int, code: str, message: str = "the reason") -> str:
    """google.rpc.Status; storage adds a reason of its own."""
    errors = [{"reason": code.lower(), "message": message, "domain": "global"}]
    return json.dumps({"error": {"code": status, "message": message, "status": code, "errors": errors}})


def refused(status: int, code: str, message: str = "the reason") -> Refused:
    return Refused(status, code, told(status, code, message))


def applied(status: int, code: str) -> Applied:
    return Applied(status, code, told(status, code))


CASES = {
    "reply lost": Case(Applied(), (Unavailable,)),
    "applied, then 503": Case(applied(503, "UNAVAILABLE"), (Unavailable,)),
    "applied, then 500": Case(applied(500, "INTERNAL"), (Unavailable,)),
    "reset after": Case(Reset(after=True), (Unavailable,)),
    "cut in the headers": Case(Cut(), (Unavailable,)),
    "torn body": Case(Torn(3), (Unavailable,)),
    "altered body": Case(Altered(), (Unavailable, Corrupt)),
    "slow": Case(Slow(LATE), (Unavailable,)),
    "reset before": Case(Reset(), (Unavailable,)),  # nobody can tell it from the one after
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
    for module in (jobs, batch_jobs):
        monkeypatch.setattr(module, "PAUSE", 0.0)
    stamina.set_testing(True, attempts=6, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits as long as a slow reply takes."""
    for module in (client, store):
        monkeypatch.setattr(module, "SECONDS", (5.0, LATE / 2))
