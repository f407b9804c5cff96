"""Try again what is safe to try again, a bounded number of times.

A small loop of our own, since this runs inside functions where every import is paid for in cold start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from toolkit.domain.errors import Throttled, Unavailable

PAUSES = (0.05, 0.2, 0.6)  # seconds, each shortened by up to half at random: about 0.6 s in all
FLEETING = (Unavailable, Throttled)

T = TypeVar("T")
sleep = time.sleep  # tests turn it off


def attempts() -> Iterator[None]:
    """Yields once at once, then after each pause."""
    yield
    import random  # half a millisecond of a function's start, for what seldom happens

    for pause in PAUSES:
        sleep(pause * (0.5 + random.random() / 2))  # noqa: S311  (jitter, not a secret)
        yield


def patiently(call: Callable[[], T]) -> T:
    """`call()`, repeated while it raises Unavailable or Throttled; the last such error when it goes on."""
    for _ in attempts():
        try:
            return call()
        except FLEETING as error:
            last = error
    raise last
