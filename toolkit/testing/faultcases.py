"""The faults that a provider's services are held to, each with what a caller may be told of it.

What a network does is the same everywhere; how a service says that it is busy, or that a token has expired, stands
with the provider's tests.
"""

from __future__ import annotations

from typing import NamedTuple

from toolkit.domain.errors import Corrupt, ToolkitError, Unavailable
from toolkit.testing.faultproxy import Altered, Applied, Cut, Fault, Reset, Slow, Torn

LATE = 0.4  # seconds that a slow reply takes; who is tested with it waits half of that
PATIENT = 30.0


class Case(NamedTuple):
    """`told` is what a call may end with; `sure`: then it was not applied."""

    fault: Fault
    told: tuple[type[ToolkitError], ...]
    sure: bool = False

    @property
    def seconds(self) -> float:
        """How long to wait for an answer. Nobody but the one who is tested with a slow reply is timed."""
        return LATE / 2 if isinstance(self.fault, Slow) else PATIENT


NETWORK = {
    "reply lost": Case(Applied(), (Unavailable,)),
    "reset after": Case(Reset(after=True), (Unavailable,)),
    "reset before": Case(Reset(), (Unavailable,)),  # nobody can tell it from the one after
    "cut in the headers": Case(Cut(), (Unavailable,)),
    "torn body": Case(Torn(3), (Unavailable,)),
    "altered body": Case(Altered(), (Unavailable, Corrupt)),
    "slow": Case(Slow(LATE), (Unavailable,)),
}
