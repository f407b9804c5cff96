"""Events that nobody waits for: on disk before they are taken, delivered at least once, tried three times in all."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from toolkit.execution import files
from toolkit.execution.aws_lambda import Outcome
from toolkit.execution.aws_lambda.records import THROTTLED

RETRY_SECONDS = (1.0, 2.0)  # Lambda waits one minute, then two; a laptop's owner is watching
_THROTTLE_SECONDS = 0.2
_LOOK = 1.0

Deliver = Callable[[bytes], Outcome]


def put(folder: Path, event: object) -> Path:
    """Keep an event for delivery; names sort by time. Raises OSError."""
    path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.json"
    files.replace(path, msgspec.json.encode(event))
    return path


class Queue:
    """Delivers what lies in `folder`, one after another, in a thread of its own until `close`.

    A host that dies between the call and the deletion delivers again. `failed` is told of what was given up.
    """

    def __init__(
        self,
        folder: Path,
        deliver: Deliver,
        failed: Callable[[str], None],
        retry_seconds: tuple[float, ...] = RETRY_SECONDS,
    ) -> None:
        self._folder = folder
        self._deliver = deliver
        self._failed = failed
        self._retry_seconds = retry_seconds
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"events-{folder.parent.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        """What was not delivered stays on disk."""
        self._closed.set()
        self._wake.set()
        self._thread.join(5)

    def _run(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            for path in sorted(self._folder.glob("[!.]*.json")):
                if not self._closed.is_set():
                    self._one(path)
            self._wake.wait(_LOOK)

    def _one(self, path: Path) -> None:
        with suppress(FileNotFoundError):  # the function was deleted meanwhile
            payload = path.read_bytes()
            outcome = self._try(payload)
            if outcome is None:
                return
            if outcome.error:
                self._failed(
                    f"event {path.stem} given up after {len(self._retry_seconds) + 1} tries: {_words(outcome)}"
                )
            path.unlink()

    def _try(self, payload: bytes) -> Outcome | None:
        """The last outcome; None when the queue was closed before one was final."""
        waits = iter(self._retry_seconds)
        while True:
            outcome = self._deliver(payload)
            if self._closed.is_set() and outcome.error:
                return None
            if outcome.error == THROTTLED:
                wait: float | None = _THROTTLE_SECONDS  # as long as it takes; it is not the event's fault
            else:
                wait = next(waits, None) if outcome.error else None
            if wait is None:
                return outcome
            if self._closed.wait(wait):
                return None


def _words(outcome: Outcome) -> str:
    with suppress(ValueError):
        return json.dumps(json.loads(outcome.payload))
    return outcome.error
