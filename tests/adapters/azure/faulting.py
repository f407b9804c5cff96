"""The faults that the store is held to, each with what a caller may be told of it."""

from __future__ import annotations

from collections.abc import Iterator

import stamina

from toolkit.domain.errors import PermissionDenied, Throttled, Unauthenticated, Unavailable
from toolkit.testing.faultcases import NETWORK, Case
from toolkit.testing.faultproxy import Applied, Refused

CASES = {
    **NETWORK,
    "applied, then 503": Case(Applied(503), (Unavailable,)),
    "applied, then 500": Case(Applied(500, "InternalError"), (Unavailable,)),
    "500": Case(Refused(500, "OperationTimedOut"), (Unavailable,)),
    "busy": Case(Refused(503, "ServerBusy"), (Throttled,)),
    "throttled": Case(Refused(429, "TooManyRequests"), (Throttled,), sure=True),
    "being deleted": Case(Refused(409, "ContainerBeingDeleted"), (Unavailable,), sure=True),
    "expired token": Case(Refused(401, "InvalidAuthenticationInfo"), (Unauthenticated,), sure=True),
    "denied": Case(Refused(403, "AuthorizationPermissionMismatch"), (PermissionDenied,), sure=True),
    "firewall": Case(Refused(403, "AuthorizationFailure"), (PermissionDenied,), sure=True),
}


def quick() -> Iterator[None]:
    """No pauses between tries."""
    stamina.set_testing(True, attempts=6)
    yield
    stamina.set_testing(False)
