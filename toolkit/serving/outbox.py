"""Objects on their way to the store: a bounded queue, written by one short-lived thread that a request may wait for.

The thread is there so that a store that hangs keeps its thread and not the request; it is started only when there is
something to write and ends when that is done or has failed. What failed stays first in the queue for the next time.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from typing import NamedTuple

from toolkit.domain.errors import AlreadyExists
from toolkit.ports.store import CREATE, Store


class Parcel(NamedTuple):
    """`rows` is what is lost if it is never written. The key is this worker's own: nobody else writes it."""

    key: str
    data: bytes
    rows: int


class Outbox:
    """At most `limit` parcels wait; of more, the oldest are dropped and their rows counted in `dropped`."""

    def __init__(self, store: Store, limit: int) -> None:
        self.dropped = 0
        self.failures = 0
        self._store, self._limit = store, limit
        self._waiting: deque[Parcel] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def put(self, parcel: Parcel) -> None:
        with self._lock:
            self._waiting.append(parcel)
            while len(self._waiting) > self._limit:
                self.dropped += self._waiting.popleft().rows

    def send(self) -> None:
        """Start writing, unless that is going on already."""
        if self.busy or not self._waiting:
            return
        try:
            thread = threading.Thread(target=self._write, name="toolkit-outbox", daemon=True)
            thread.start()
            self._thread = thread
        except RuntimeError as error:  # no thread to be had: everything stays for the next time
            log(f"captured predictions not written, will be tried again: {error}")

    def wait(self, seconds: float) -> None:
        """Until the writing has ended, at most this long."""
        if seconds > 0 and self._thread is not None:
            self._thread.join(seconds)

    def _write(self) -> None:
        """Oldest first; stops at the first failure."""
        while self._waiting:
            parcel = self._waiting[0]
            try:
                self._store.put(parcel.key, parcel.data, CREATE)
            except AlreadyExists:
                pass  # an earlier attempt was applied and only its reply was lost
            except Exception as error:
                self.failures += 1
                log(f"captured predictions not written, will be tried again: {error}")
                return
            with self._lock:
                if self._waiting and self._waiting[0] is parcel:
                    self._waiting.popleft()


def log(text: str) -> None:
    print(f"toolkit: {text}", file=sys.stderr)  # noqa: T201  # stderr is a function's log
