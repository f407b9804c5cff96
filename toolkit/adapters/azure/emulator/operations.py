"""Long-running operations of ARM: not done when first looked at, done when looked at again, and in the end without
being looked at, as on Azure's side, where nobody has to wait for a change to happen."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolkit.adapters.azure.emulator.arm_room import base
from toolkit.adapters.azure.emulator.refused import Refused, missing
from toolkit.adapters.azure.emulator.rest import Call, Reply

POLLS = 2
SECONDS = 1.0  # after which a change is through even if nobody asks
HOST = "management.azure.com"
STATUS = "/subscriptions/{subscription}/providers/{provider}/locations/{location}/operationStatuses/{operation}"
RESULT = "/subscriptions/{subscription}/providers/{provider}/locations/{location}/operationResults/{operation}"


@dataclass
class _Running:
    """`finish` makes the change take effect: the resource, None (there is none any more), or Refused."""

    finish: Callable[[], Any]
    begun: float
    of: str
    polls: int = 0
    over: bool = False
    answer: Any = None


class Operations:
    """`lock` is the one of what the changes are about; held while they take effect."""

    def __init__(self, provider: str, version: str, lock: threading.RLock) -> None:
        self._provider, self._version, self._lock = provider, version, lock
        self._running: dict[str, _Running] = {}

    def begin(
        self, call: Call, of: str, finish: Callable[[], Any], *, body: Any = None, status: int, asynchronous: bool
    ) -> Reply:
        """The answer that says where to look: the operation's status (`asynchronous`), or its result."""
        number = str(uuid.uuid4())
        self._running[number] = _Running(finish, time.monotonic(), of)
        kind = "operationStatuses" if asynchronous else "operationResults"
        path = f"/subscriptions/{call.path['subscription']}/providers/{self._provider}/locations/westeurope/{kind}"
        url = f"{base(call)}/{HOST}{path}/{number}?api-version={self._version}"
        header = "azure-asyncoperation" if asynchronous else "location"
        return Reply(body, status, ((header, url), ("retry-after", "0")))

    def busy(self, of: str) -> bool:
        """Whether a change of that resource is under way."""
        return any(one.of == of and not one.over for one in self._running.values())

    def status(self, call: Call) -> Reply:
        number, running = self._asked(call)
        told: dict[str, Any] = {"id": call.request.path, "name": number, "status": "InProgress"}
        if running.over:
            refused = running.answer if isinstance(running.answer, Refused) else None
            told["status"] = "Failed" if refused else "Succeeded"
            if refused:
                told["error"] = {"code": refused.code, "message": refused.message}
        return Reply(told)

    def result(self, call: Call) -> Reply:
        _, running = self._asked(call)
        if not running.over:
            return Reply(None, 202, (("location", f"{base(call)}{call.request.target}"), ("retry-after", "0")))
        if isinstance(running.answer, Refused):
            raise running.answer
        return Reply(running.answer, 204 if running.answer is None else 200)

    def settle(self) -> None:
        """What has had its time is through. Called before anything is looked at."""
        for running in list(self._running.values()):
            self._settle(running)

    def _asked(self, call: Call) -> tuple[str, _Running]:
        number = call.path["operation"]
        with self._lock:
            if number not in self._running:
                raise missing(number)
            running = self._running[number]
            running.polls += 1
            self._settle(running)
            return number, running

    def _settle(self, running: _Running) -> None:
        if running.over or not (running.polls >= POLLS or time.monotonic() - running.begun > SECONDS):
            return
        try:
            running.answer = running.finish()
        except Refused as refused:
            running.answer = refused
        running.over = True
