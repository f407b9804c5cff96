"""The faults that the store is held to, each with what a caller may be told of it."""

from __future__ import annotations

from typing import NamedTuple

from toolkit.domain.errors import Corrupt, PermissionDenied, Throttled, ToolkitError, Unauthenticated, Unavailable
from toolkit.testing.faultproxy import Altered, Applied, Cut, Fault, Refused, Reset, Slow, Torn

LATE = 0.6  # seconds that a slow reply takes; who is tested with it waits half of that
PATIENT = 30.0


class Case(NamedTuple):
    """`told` is what a call may end with; `sure`: then it was not applied."""

    fault: Fault
    told: tuple[type[ToolkitError], ...]
    sure: bool = False


CASES = {
    "reply lost": Case(Applied(), (Unavailable,)),
    "applied, then 503": Case(Applied(503), (Unavailable,)),
    "applied, then 500": Case(Applied(500, "InternalError"), (Unavailable,)),
    "reset after": Case(Reset(after=True), (Unavailable,)),
    "cut in the headers": Case(Cut(), (Unavailable,)),
    "torn body": Case(Torn(3), (Unavailable,)),
    "altered body": Case(Altered(), (Unavailable, Corrupt)),
    "slow": Case(Slow(LATE), (Unavailable,)),
    "reset before": Case(Reset(), (Unavailable,)),  # nobody can tell it from the one after
    "500": Case(Refused(500, "OperationTimedOut"), (Unavailable,)),
    "busy": Case(Refused(503, "ServerBusy"), (Throttled,)),
    "throttled": Case(Refused(429, "TooManyRequests"), (Throttled,), sure=True),
    "being deleted": Case(Refused(409, "ContainerBeingDeleted"), (Unavailable,), sure=True),
    "expired token": Case(Refused(401, "InvalidAuthenticationInfo"), (Unauthenticated,), sure=True),
    "denied": Case(Refused(403, "AuthorizationPermissionMismatch"), (PermissionDenied,), sure=True),
    "firewall": Case(Refused(403, "AuthorizationFailure"), (PermissionDenied,), sure=True),
}
