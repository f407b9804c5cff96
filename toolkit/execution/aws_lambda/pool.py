"""The workers of one published version: warm ones are used again, new ones started up to the concurrency, then 429."""

from __future__ import annotations

import threading
import time
import uuid
from pathlib import Path

from toolkit.execution.aws_lambda import records, runtimes
from toolkit.execution.aws_lambda.log import FunctionLog
from toolkit.execution.aws_lambda.records import Deployment, Outcome
from toolkit.execution.aws_lambda.runtimes import Choice
from toolkit.execution.aws_lambda.worker import Worker


class Pool:
    """Used from many threads at once; each call runs in its caller's thread.

    `workers` is the folder of process records (see `recover`), `runtime` the folder for copies of the runtime client.
    Raises ConfigError when `python` cannot be run or a client that was asked for is not there.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        workers: Path,
        runtime: Path,
        log: FunctionLog,
        python: str = "",
        client: Choice = "auto",
    ) -> None:
        self.deployment = deployment
        self._folder = workers
        self._log = log
        self._runtime = runtimes.choose(deployment.task_root, runtime, python, client)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._taken = 0  # calls under way, those whose worker is still starting too
        self._closed = False

    def call(self, payload: bytes) -> Outcome:
        """Invoke with an event as JSON, and wait. Never raises for what the function does or fails to do."""
        if len(payload) > records.PAYLOAD_BYTES:
            return records.request_too_large()
        request_id = str(uuid.uuid4())
        with self._lock:
            if self._closed:
                return records.gone(self.deployment.name)
            if self._taken >= self.deployment.concurrency:
                return records.throttled()
            self._taken += 1
            worker = self._warm()
        try:
            if worker is None:
                return self._cold(payload, request_id)
            return self._run(worker, payload, request_id, self.deployment.timeout_seconds)
        finally:
            with self._lock:
                self._taken -= 1

    def pids(self) -> list[int]:
        """Of the workers that are alive now."""
        with self._lock:
            return [worker.pid for worker in (*self._busy, *self._idle)]

    def recycle(self) -> None:
        """Kill the workers that were idle for too long, or have died meanwhile."""
        oldest = time.monotonic() - self.deployment.idle_seconds
        with self._lock:
            old = [worker for worker in self._idle if worker.idle_since < oldest or not worker.alive]
            self._idle = [worker for worker in self._idle if worker not in old]
        for worker in old:
            worker.kill()

    def close(self, seconds: float = 0.0) -> None:
        """Take no more calls; give those that run `seconds` to end, then kill every worker."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()
        deadline = time.monotonic() + seconds
        while self._occupied() and time.monotonic() < deadline:
            time.sleep(0.01)
        with self._lock:
            busy = list(self._busy)
        for worker in busy:
            worker.end()  # its caller's loop sees the end, and cleans up
        deadline = time.monotonic() + 10
        while self._occupied() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _occupied(self) -> bool:
        with self._lock:
            return self._taken > 0

    def _warm(self) -> Worker | None:
        """The idle worker that was used last (the others may then grow old); the lock is held."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                self._busy.add(worker)
                return worker
            worker.kill()
        return None

    def _cold(self, payload: bytes, request_id: str) -> Outcome:
        """A new worker, and the call. Where init takes too long, the service tries once more within the call's time."""
        limit = self.deployment.timeout_seconds
        started = self._start(request_id, self.deployment.init_seconds)
        if isinstance(started, Outcome) and started.error == records.TIMEOUT:
            begin = time.monotonic()
            started = self._start(request_id, limit)
            limit -= time.monotonic() - begin
        if isinstance(started, Outcome):
            return started
        return self._run(started, payload, request_id, max(limit, 0.001))

    def _start(self, request_id: str, seconds: float) -> Worker | Outcome:
        """A worker that is ready and counted as busy, or why there is none."""
        try:
            worker = Worker(self.deployment, self._runtime, self._folder, self._log)
        except OSError as error:
            return records.failure("Runtime.InvalidEntrypoint", f"could not start a worker: {error}", request_id)
        with self._lock:
            self._busy.add(worker)
            closed = self._closed
        problem = records.gone(self.deployment.name) if closed else worker.start(request_id, seconds)
        if problem is None:
            return worker
        self._release(worker)
        return problem

    def _run(self, worker: Worker, payload: bytes, request_id: str, seconds: float) -> Outcome:
        try:
            return worker.call(payload, request_id, seconds)
        except BaseException:
            worker.kill()
            raise
        finally:
            self._release(worker)

    def _release(self, worker: Worker) -> None:
        """Back among the idle, if it lives."""
        with self._lock:
            self._busy.discard(worker)
            keep = worker.alive and not self._closed
            if keep:
                self._idle.append(worker)
        if not keep:
            worker.kill()
