"""Cloud Tasks: queues whose tasks are sent as HTTP requests with an ID token, at least once, again when refused."""

from __future__ import annotations

import queue
import re
import threading
import time
import uuid
from typing import Any

import urllib3
from google.cloud import tasks_v2

from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing

_QUEUE = re.compile(r"projects/[^/]+/locations/[^/]+/queues/[A-Za-z0-9-]{1,100}")
_LARGEST = 1024**2
_BACK_OFF = (0.1, 0.5, 2.0, 8.0)
_ACCOUNT = re.compile(r"[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com")


INSIDE = "x-emulator-inside"


class Tasks:
    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._lock = threading.Lock()
        self._queues: dict[str, queue.Queue[Any]] = {}

    def create_queue(self, request: Any, caller: str) -> Any:
        name = request.queue.name
        if not _QUEUE.fullmatch(name) or not name.startswith(f"{request.parent}/"):
            raise invalid(f"Queue name {name!r} is not valid.", "queue.name")
        with self._lock:
            if name in self._queues:
                raise Refused("ALREADY_EXISTS", "Queue already exists")
            waiting: queue.Queue[Any] = queue.Queue()
            self._queues[name] = waiting
        threading.Thread(target=self._work, args=(waiting,), name="tasks", daemon=True).start()
        return request.queue

    def create(self, request: Any, caller: str) -> Any:
        given = request.task.http_request
        if not given.url.startswith(("http://", "https://")):
            raise invalid(f"HttpRequest.url {given.url!r} is not valid", "task.http_request.url")
        if request.task.ByteSize() > _LARGEST:
            raise invalid("Task size too large", "task")
        if not _ACCOUNT.fullmatch(given.oidc_token.service_account_email):
            raise invalid("The service account does not exist", "task.http_request.oidc_token")
        with self._lock:
            if request.parent not in self._queues:
                raise missing(request.parent)
            waiting = self._queues[request.parent]
        task = tasks_v2.Task.pb()()
        task.CopyFrom(request.task)
        task.name = task.name or f"{request.parent}/tasks/{uuid.uuid4().int % 10**19}"
        task.create_time.GetCurrentTime()
        waiting.put(task)
        return task

    def _work(self, waiting: queue.Queue[Any]) -> None:
        while True:
            task = waiting.get()
            threading.Thread(target=self._deliver, args=(task,), name="task", daemon=True).start()

    def _deliver(self, task: Any) -> None:
        given = task.http_request
        for seconds in (*_BACK_OFF, 0.0):
            if send(self._identity, given.url, given.body, dict(given.headers), given.oidc_token):
                return
            time.sleep(seconds)


def send(identity: Identity, url: str, body: bytes, headers: dict[str, str], token: Any) -> bool:
    """POST it as the token's account; whether it was taken."""
    said = identity.identify(token.service_account_email, token.audience or url)
    told = {**headers, "Authorization": f"Bearer {said}", INSIDE: identity.inside}
    try:
        answer = urllib3.request("POST", url, body=body, headers=told, retries=False, timeout=urllib3.Timeout(5, 1800))
    except urllib3.exceptions.HTTPError:
        return False
    return 200 <= answer.status < 300
