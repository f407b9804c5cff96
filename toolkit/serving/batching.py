"""Requests of the same moment as one call of the model, and a stated answer when there are more than it can take.

For servers that run on between requests; a function has one request at a time. Nothing ever waits for company:

- A model that answers within `INLINE` seconds (trees and linear models at a few rows do) is asked on the event loop:
  a thread would cost more than the answer.
- A slower one is asked in threads, at most `parallel` calls at once. What comes meanwhile waits in a queue and is the
  next call together, up to `max_rows` rows: the batches grow with the load and are of one request when there is none.
  With `max_wait_ms` a call waits that long for others (0: never), for models whose cost hardly grows with the rows.
- A request of `SPLIT` rows or more is shared out among the threads (onnxruntime lets go of the interpreter).

Bounded: at most `max_queue` rows wait, and none longer than `queue_seconds`, for an answer that nobody waits for any
more is work lost. What does not fit is refused at once with 503 and Retry-After, so under overload the model goes on
with as many calls as it can do and the queue does not grow.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from toolkit.serving import shares
from toolkit.serving.model import Prediction
from toolkit.serving.problems import Problem
from toolkit.serving.rows import Batch
from toolkit.serving.settings import Batching

INLINE = 0.001  # seconds
SPLIT = 2_000  # rows
SMOOTH = 0.1  # of the newest in the running mean

Answer = Callable[[Batch], Prediction]


class _Waiting(NamedTuple):
    batch: Batch
    future: asyncio.Future[Prediction]
    since: float


class Batcher:
    """One per App, used from one event loop. `answer` is the model's and is called from `parallel` threads."""

    def __init__(self, answer: Answer, settings: Batching, parallel: int) -> None:
        self._answer, self._settings, self._parallel = answer, settings, parallel
        self._queue: deque[_Waiting] = deque()
        self._queued = 0  # rows
        self._running = 0  # calls
        self._seconds = 0.0  # of a call of the inline kind, smoothed
        self._row_seconds = 0.0
        self._pool: ThreadPoolExecutor | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.calls = self.refused = 0

    @property
    def counts(self) -> dict[str, int]:
        return {
            "batching_calls_total": self.calls,
            "batching_refused_total": self.refused,
            "batching_queued_rows": self._queued,
        }

    @property
    def inline(self) -> bool:
        """Whether a small request is asked where it stands."""
        return self._seconds < INLINE and not self._queue

    async def predict(self, batch: Batch) -> Prediction:
        """The answer to `batch`. Problem 503 with Retry-After when too much waits already; what the model raises."""
        if batch.rows >= SPLIT and self._parallel > 1:
            return await self._split(batch)
        if self.inline and batch.rows * self._row_seconds < INLINE:
            return self.now(batch)
        return await self._enqueue(batch)

    def now(self, batch: Batch) -> Prediction:
        """The answer, on the event loop."""
        started = time.perf_counter()
        found = self._answer(batch)
        self._learn(time.perf_counter() - started, batch.rows)
        return found

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def _learn(self, seconds: float, rows: int) -> None:
        self.calls += 1
        each = seconds / rows
        self._row_seconds += SMOOTH * (each - self._row_seconds) if self._row_seconds else each
        if rows <= self._settings.max_rows:
            if self._seconds:
                seconds = min(seconds, 4 * self._seconds)  # one hiccup of the machine is not a slow model
            self._seconds += SMOOTH * (seconds - self._seconds) if self._seconds else seconds

    async def _enqueue(self, batch: Batch) -> Prediction:
        if self._queued + batch.rows > self._settings.max_queue and self._queued:
            raise self._full()
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(batch, future, time.monotonic()))
        self._queued += batch.rows
        self._start()
        return await future

    def _full(self) -> Problem:
        self.refused += 1
        seconds = max(1, math.ceil(self._queued * self._row_seconds / self._parallel))
        detail = f"the model has {self._queued} rows waiting; ask again in {seconds} s"
        return Problem(503, "overloaded", detail, headers=((b"retry-after", b"%d" % seconds),))

    def _start(self) -> None:
        """Begin calls while there are threads and rows. With `max_wait_ms`, the first row's wait runs out before."""
        while self._queue and self._running < self._parallel:
            wait = self._settings.max_wait_ms / 1000 - (time.monotonic() - self._queue[0].since)
            if wait > 0 and self._queued < self._settings.max_rows:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(wait, self._waited)
                return
            taken = self._take()
            if taken:
                self._running += 1
                task = asyncio.get_running_loop().create_task(self._call(taken))
                task.add_done_callback(self._ended)

    def _waited(self) -> None:
        self._timer = None
        self._start()

    def _take(self) -> list[_Waiting]:
        """The next call's requests, without those that were given up or have waited too long."""
        taken: list[_Waiting] = []
        rows, oldest = 0, time.monotonic() - self._settings.queue_seconds
        while self._queue and (not taken or rows + self._queue[0].batch.rows <= self._settings.max_rows):
            waiting = self._queue.popleft()
            self._queued -= waiting.batch.rows
            if waiting.future.done():
                continue
            if waiting.since < oldest:
                waiting.future.set_exception(self._full())
                continue
            taken.append(waiting)
            rows += waiting.batch.rows
        return taken

    async def _call(self, taken: list[_Waiting]) -> None:
        """One call of the model for all of `taken`; where it fails for all, each is asked alone."""
        loop, batch = asyncio.get_running_loop(), joined([waiting.batch for waiting in taken])
        started = time.perf_counter()
        try:
            found = await loop.run_in_executor(self._threads(), self._answer, batch)
        except Exception as error:
            if len(taken) == 1:
                _settle(taken[0].future, error)
                return
            for waiting in taken:
                await self._call([waiting])
            return
        self._learn(time.perf_counter() - started, batch.rows)
        at = 0
        for waiting in taken:
            _settle(waiting.future, part(found, at, at + waiting.batch.rows))
            at += waiting.batch.rows

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        self._start()

    async def _split(self, batch: Batch) -> Prediction:
        """`batch` in as many parts as there are threads. Rows of a model do not know of each other."""
        if self._queued + batch.rows > max(self._settings.max_queue, batch.rows):
            raise self._full()
        loop, size = asyncio.get_running_loop(), -(-batch.rows // self._parallel)
        self._queued += batch.rows
        try:
            parts = [batch.part(at, min(at + size, batch.rows)) for at in range(0, batch.rows, size)]
            found = await asyncio.gather(*(loop.run_in_executor(self._threads(), self._answer, one) for one in parts))
        finally:
            self._queued -= batch.rows
        self.calls += len(parts)
        return together(found)

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="toolkit-model")
        return self._pool


def joined(batches: list[Batch]) -> Batch:
    """Their rows in order, as one."""
    if len(batches) == 1:
        return batches[0]
    columns = [[value for part in parts for value in part] for parts in zip(*(b.columns for b in batches), strict=True)]
    return Batch(sum(b.rows for b in batches), columns=list(columns))


def part(prediction: Prediction, start: int, end: int) -> Prediction:
    """Rows `start` to `end` of a prediction."""
    return Prediction(
        labels=prediction.labels[start:end],
        probabilities=prediction.probabilities[start:end],
        values=prediction.values[start:end],
        classes=prediction.classes,
    )


def together(parts: list[Prediction]) -> Prediction:
    return Prediction(
        labels=[label for one in parts for label in one.labels],
        probabilities=shares.together([one.probabilities for one in parts]),
        values=[value for one in parts for value in one.values],
        classes=parts[0].classes,
    )


def _settle(future: asyncio.Future[Prediction], found: Prediction | Exception) -> None:
    """Where nobody waits any more, the answer is dropped."""
    if future.done():
        return
    if isinstance(found, Exception):
        future.set_exception(found)
    else:
        future.set_result(found)
