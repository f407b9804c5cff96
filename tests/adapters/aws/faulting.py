"""The faults that every service is held to, each with what a caller may be told of it."""

from __future__ import annotations

import pytest

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

CASES = {
    **NETWORK,
    "applied, then 503": Case(Applied(503), (Unavailable,)),
    "applied, then 500": Case(Applied(500, "InternalError"), (Unavailable,)),
    "503": Case(Refused(503, "ServiceUnavailable"), (Unavailable,)),
    "500": Case(Refused(500, "InternalError"), (Unavailable,)),
    "throttled": Case(Refused(503, "SlowDown"), (Throttled, Unavailable), sure=True),  # a HEAD says no more than 503
    "conflict": Case(Refused(409, "ConditionalRequestConflict"), (Throttled,), sure=True),
    "expired token": Case(Refused(400, "ExpiredToken"), (Unauthenticated,), sure=True),
    "wrong region": Case(Refused(301, "PermanentRedirect"), (ConfigError,), sure=True),
    "clock skew": Case(Refused(403, "RequestTimeTooSkewed"), (Unauthenticated,), sure=True),
}


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between tries: the SDK's, the state's, the adapter's."""
    from botocore.retries import standard

    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda self, context: 0)
    monkeypatch.setattr(patience, "sleep", lambda seconds: None)


# As the services other than S3 say it.
SERVICES = {
    **{name: case for name, case in CASES.items() if not case.sure},
    "throttled": Case(Refused(429, "TooManyRequestsException"), (Throttled,), sure=True),
    "throttled, as a 400": Case(Refused(400, "ThrottlingException"), (Throttled,), sure=True),
    "expired token": Case(Refused(403, "ExpiredTokenException"), (Unauthenticated,), sure=True),
    "wrong region": Case(Refused(403, "InvalidSignatureException"), (Unauthenticated,), sure=True),
    "clock skew": Case(Refused(403, "RequestExpired"), (Unauthenticated,), sure=True),
    "denied": Case(Refused(403, "AccessDeniedException"), (PermissionDenied,), sure=True),
}  # fmt: skip
