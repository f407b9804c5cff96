"""Long-running operations: not done when first looked at, done when looked at again, and in the end without being
looked at, as on Google's side, where nobody has to wait for a change to happen."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.longrunning import operations_pb2

from toolkit.adapters.gcp.emulator.refused import Refused, missing

POLLS = 2
SECONDS = 1.0  # after which a change is through even if nobody asks


@dataclass
class _Running:
    """`finish` makes the change take effect: the resource, or why it failed (google.rpc.Code, message)."""

    finish: Callable[[], Any]
    begun: float
    polls: int = 0
    answer: Any = None


class Operations:
    """`lock` is the one of what the changes are about; held while they take effect."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._running: dict[str, _Running] = {}

    def begin(self, parent: str, finish: Callable[[], Any]) -> Any:
        """The operation, not done."""
        name = f"{parent}/operations/{uuid.uuid4()}"
        self._running[name] = _Running(finish, time.monotonic())
        return operations_pb2.Operation(name=name)

    def get(self, request: Any, caller: str) -> Any:
        with self._lock:
            if request.name not in self._running:
                raise missing(request.name)
            running = self._running[request.name]
            running.polls += 1
            self._settle(running)
            answer = operations_pb2.Operation(name=request.name)
            if running.answer is None:
                return answer
            answer.done = True
            if isinstance(running.answer, Refused):
                answer.error.code, answer.error.message = 13, running.answer.message
            else:
                answer.response.Pack(running.answer)
            return answer

    def settle(self) -> None:
        """What has had its time is through. Called before anything is looked at."""
        with self._lock:
            for running in list(self._running.values()):
                self._settle(running)

    def _settle(self, running: _Running) -> None:
        if running.answer is None and (running.polls >= POLLS or time.monotonic() - running.begun > SECONDS):
            try:
                running.answer = running.finish()
            except Refused as refused:
                running.answer = refused
