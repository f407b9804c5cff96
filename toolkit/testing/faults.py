"""A store that fails on purpose: what every state operation has to survive.

    plan = {3: Fault.REPLY_LOST}                 # the third call is applied, then Unavailable
    store = FaultyStore(inner, plan)

Calls of every method are counted, from 1, over the life of the FaultyStore, so that a plan goes on into a re-run.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import TypeVar

from toolkit.domain.errors import Throttled, Unavailable
from toolkit.ports.store import OVERWRITE, Meta, Mode, Object, Store

T = TypeVar("T")


class Crash(BaseException):
    """The process died here. Not an Exception: no `except Exception` may live through it."""


class Fault(Enum):
    CRASH_BEFORE = "the process dies before the call reaches the store"
    CRASH_AFTER = "the call is applied, then the process dies"
    REPLY_LOST = "the call is applied, the caller sees Unavailable"
    UNAVAILABLE = "503: not applied, the caller sees Unavailable"
    THROTTLED = "429: not applied, the caller sees Throttled"


class FaultyStore:
    """`plan` maps a call's number to its fault, or decides by (number, verb); other calls go straight through.

    `calls` lists what was called as (verb, key).
    """

    def __init__(
        self, inner: Store, plan: Mapping[int, Fault] | Callable[[int, str], Fault | None] | None = None
    ) -> None:
        self.inner = inner
        self.calls: list[tuple[str, str]] = []
        self._plan = plan or {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Object:
        return self._call("get", key, lambda: self.inner.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._call("get_range", key, lambda: self.inner.get_range(key, start, length))

    def head(self, key: str) -> Meta:
        return self._call("head", key, lambda: self.inner.head(key))

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        return self._call("put", key, lambda: self.inner.put(key, data, mode))

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        return self._call("upload", key, lambda: self.inner.upload(key, path, mode))

    def download(self, key: str, path: Path) -> Meta:
        return self._call("download", key, lambda: self.inner.download(key, path))

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        return self._call("list", prefix, lambda: self.inner.list(prefix, after=after))

    def delete(self, key: str) -> None:
        return self._call("delete", key, lambda: self.inner.delete(key))

    def uri(self, key: str = "") -> str:
        return self.inner.uri(key)  # no request, so nothing to fail

    def _call(self, verb: str, key: str, action: Callable[[], T]) -> T:
        with self._lock:
            self.calls.append((verb, key))
            number = len(self.calls)
        fault = self._plan(number, verb) if callable(self._plan) else self._plan.get(number)
        where = f"call {number}, {verb} {key}"
        if fault is Fault.CRASH_BEFORE:
            raise Crash(f"before {where}")
        if fault is Fault.UNAVAILABLE:
            raise Unavailable(f"503 on {where}")
        if fault is Fault.THROTTLED:
            raise Throttled(f"429 on {where}")
        result = action()
        if fault is Fault.CRASH_AFTER:
            raise Crash(f"after {where}")
        if fault is Fault.REPLY_LOST:
            raise Unavailable(f"reply lost on {where}")
        return result


def lossy(share: float, seed: int, *, refused: float = 0.0) -> Callable[[int, str], Fault | None]:
    """A plan that loses the reply of `share` of all writes, and refuses `refused` of all calls with 503."""
    generator = random.Random(seed)
    lock = threading.Lock()

    def plan(number: int, verb: str) -> Fault | None:
        with lock:
            draw = generator.random()
        if verb in {"put", "upload"} and draw < share:
            return Fault.REPLY_LOST
        return Fault.UNAVAILABLE if draw > 1 - refused else None

    return plan
