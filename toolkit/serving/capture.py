"""What the endpoint remembers of its predictions, and how that reaches the bucket without slowing or failing one.

Requests, errors and latencies are counted by the interval (`intervals`) and flushed with the rest.

Two things per prediction: it is counted into the bins of the model's baseline (memory does not grow), and its id,
label and score are kept (features only where asked). Both are gathered per hour of the event's time and flushed as
small objects whose key holds the start of that hour and a name nobody else uses: created, never overwritten, so that
workers never contend and the objects of a window are one listing.

When: after `rows` rows, `seconds` after the last flush, or when too many hours are open; looked at after each answer,
because a function is frozen between two requests and has no background. The first request of a worker flushes at once:
an endpoint that is asked twice an hour starts cold each time and would otherwise remember nothing. A process that is
told to stop (SIGTERM, lifespan, exit) flushes too.

How: the request waits at most `wait` seconds while an `outbox` writes. What could not be written is kept and tried
again at the next flush, up to `max_pending` objects; then the oldest are dropped and counted
(`toolkit_capture_dropped_rows_total`).

What a kill can lose: the rows since the last flush of that worker, so at most `rows`, or `seconds` of traffic; and what
a failing store left pending.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

from toolkit.domain import codec, times
from toolkit.domain.codec import Record
from toolkit.ports.store import Store
from toolkit.serving import ids
from toolkit.serving.intervals import Intervals
from toolkit.serving.model import Model, Prediction
from toolkit.serving.outbox import Outbox, Parcel, log
from toolkit.serving.rows import Batch
from toolkit.serving.settings import CaptureSettings
from toolkit.state import keys
from toolkit.state.service import Served

# Rows that are counted at once: with numpy 1,024 rows of 30 columns cost 2 ms, a row by itself 10 us, so a request
# saves most of that and one in 1,024 pays for all. Until then rows of numbers are bytes: a thousand rows of Python's
# own floats push the rest out of the processor's cache. Without numpy (no onnxruntime either) nothing is to be saved.
TOGETHER = 1024
_NUMBERS = frozenset({"float64", "int64"})


class Captured(Record, frozen=True, kw_only=True):
    """Predictions of one hour, one worker, one flush. `read` turns it into rows.

    `requests` holds (id prefix, rows); `labels` are positions in `classes` (empty for a regression); `scores` are the
    value, the probability of the second of two classes, or that of the predicted one of many. `features` (only where
    asked) are columns by name, as the model saw them: times in days since 1970.
    """

    KIND: ClassVar[str] = "captured"

    endpoint: str
    model: str
    model_version: int
    model_digest: str
    hour: str
    flushed: str
    classes: tuple[str, ...]
    requests: list[tuple[str, int]]
    labels: list[int]
    scores: list[float | None]
    features: dict[str, list[Any]] = {}  # noqa: RUF012  # msgspec copies empty defaults


class Row(NamedTuple):
    id: str
    time: int  # milliseconds since 1970
    label: str  # "" for a regression
    score: float | None


def read(captured: Captured) -> Iterator[Row]:
    """Every prediction of the object, in the order it was made."""
    at = 0
    for prefix, rows in captured.requests:
        moment = int(prefix[:12], 16)
        for row in range(rows):
            label = captured.classes[captured.labels[at]] if captured.labels else ""
            yield Row(f"{prefix}-{row}", moment, label, captured.scores[at])
            at += 1


class _Hour:
    """What is open for one hour of event time."""

    __slots__ = (
        *("before", "counter", "features", "labels", "packed", "packed_scores"),
        *("requests", "rows", "scores", "waiting", "waiting_rows"),
    )

    def __init__(self, counter: Any) -> None:
        self.counter = counter
        self.before: Any = None  # the counter's totals, which may have counted another hour
        self.rows = 0
        # What is not counted yet: requests with their scores, and of single rows the numbers as bytes of float64.
        self.waiting: list[tuple[Batch, Any]] = []
        self.packed = bytearray()
        self.packed_scores: list[Any] = []
        self.waiting_rows = 0
        self.requests: list[tuple[str, int]] = []
        self.labels: list[str] = []
        self.scores: list[float | None] = []
        self.features: list[list[Any]] = []


class Capture:
    """One per process. `add` after each prediction, `settle` after each answer, `close` at the end: none raises."""

    def __init__(
        self,
        store: Store,
        model: Model,
        *,
        target: str,
        endpoint: str,
        version: int,
        counter: Callable[[], Any] | None,
        settings: CaptureSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`counter` makes a fresh `quality.counter.Counter` of the model's baseline; None where it has none."""
        self._model = model
        self._target, self._endpoint, self._version = target, endpoint, version
        self._counter, self._settings, self._clock = counter, settings, clock
        self._together = TOGETHER if "numpy" in sys.modules else 1
        features = model.signature.features
        self._names = [f.name for f in features]
        numbers = self._together > 1 and all(f.dtype in _NUMBERS for f in features)
        self._pack = struct.Struct(f"={len(features)}d").pack if numbers else None
        self._classes = {text: i for i, text in enumerate(model.signature.classes)}
        self._open: dict[int, _Hour] = {}
        self._spare: Any = None
        self._rows = 0
        self._flushed = 0.0
        self._outbox = Outbox(store, settings.max_pending)
        self.intervals = Intervals(clock, settings.stretch)
        self._kept = self._dropped = self._nulls = self._unseen = self._outside = 0

    @property
    def counts(self) -> dict[str, int]:
        """For the metrics. Values are counted when they are flushed."""
        return {
            "capture_rows_total": self._kept,
            "capture_dropped_rows_total": self._dropped + self._outbox.dropped,
            "capture_failed_writes_total": self._outbox.failures,
            "values_null_total": self._nulls,
            "values_unseen_total": self._unseen,
            "values_out_of_range_total": self._outside,
        }

    def add(self, prefix: str, moment_ms: int, batch: Batch, prediction: Prediction) -> None:
        """Count and keep the rows of one request, which all happened at `moment_ms`."""
        try:
            name = ids.hour(moment_ms)
            hour = self._open.get(name)
            if hour is None:
                if len(self._open) >= 2 * self._settings.max_windows:  # a store that hangs while time is replayed
                    self._dropped += batch.rows
                    return
                hour = self._open[name] = self._new_hour()
            self._rows += batch.rows
            hour.rows += batch.rows
            scores = prediction.scores
            if self._rows > self._settings.max_buffered:
                self._dropped += batch.rows
            else:
                self._kept += batch.rows
                self._keep(hour, prefix, batch, prediction, scores)
            if batch.row is None or self._pack is None or not self._packed(hour, batch.row, scores):
                hour.waiting.append((batch, scores))
            hour.waiting_rows += batch.rows
            if hour.waiting_rows >= self._together:
                self._gather(hour)
        except Exception as error:  # a prediction is never failed by its own record
            self._dropped += batch.rows
            log(f"prediction not captured: {error!r}")

    def _packed(self, hour: _Hour, row: tuple[Any, ...], scores: Any) -> bool:
        """Whether the row is numbers, and waits as such."""
        try:
            hour.packed += self._pack(*row)  # type: ignore[misc]  # asked before
        except (struct.error, OverflowError):  # a null, an integer past float64
            return False
        hour.packed_scores += scores
        return True

    def _new_hour(self) -> _Hour:
        """With a counter that holds nothing: one that was emptied, as making its tables takes milliseconds."""
        if self._spare is None:
            return _Hour(self._counter() if self._counter else None)
        hour, self._spare = _Hour(self._spare), None
        hour.before = hour.counter.totals()
        return hour

    def _gather(self, hour: _Hour) -> None:
        """Count what waits: many rows of one request as they came, the others together."""
        waiting, hour.waiting, hour.waiting_rows = hour.waiting, [], 0
        packed, hour.packed, scores, hour.packed_scores = hour.packed, bytearray(), hour.packed_scores, []
        if hour.counter is None:
            return
        if packed:
            import numpy as np

            table = np.frombuffer(packed).reshape(-1, len(self._names)).T.copy()
            hour.counter.add_columns(dict(zip(self._names, table, strict=True)), scores)
        rows: list[tuple[Any, ...]] = []
        answers: list[Any] = []
        for batch, given in waiting:
            if batch.row is not None:
                rows.append(batch.row)
                answers += given
            elif batch.rows < self._together:
                rows += zip(*batch.columns, strict=True)
                answers += list(given)
            else:
                columns = batch.columns if batch.arrays is None else batch.arrays
                hour.counter.add_columns(dict(zip(self._names, columns, strict=True)), given)
        if len(rows) == 1:
            hour.counter.add_row(rows[0], answers[0])
        elif rows:
            columns = list(zip(*rows, strict=True))
            hour.counter.add_columns(dict(zip(self._names, columns, strict=True)), answers)

    def _keep(self, hour: _Hour, prefix: str, batch: Batch, prediction: Prediction, scores: Any) -> None:
        hour.requests.append((prefix, batch.rows))
        hour.labels += prediction.labels
        plain = batch.row is not None and len(self._classes) <= 2
        hour.scores += scores if plain else prediction.confidence
        if self._settings.features:
            columns = batch.columns
            if not hour.features:
                hour.features = [[] for _ in columns]
            for kept, column in zip(hour.features, columns, strict=True):
                kept += column

    def due(self) -> bool:
        """Whether the bounds ask for a flush now. A clock that was set back counts as time gone by."""
        if not self._rows and not self._outbox and not self.intervals:
            return False
        settings = self._settings
        if self._rows >= settings.rows or len(self._open) > settings.max_windows:
            return True
        return not 0 <= self._clock() - self._flushed < settings.seconds

    def settle(self) -> None:
        """Flush if it is due, waiting at most `settings.wait` seconds; while a flush hangs no other request waits."""
        if self.due() and not self._outbox.busy:
            self.flush(self._settings.wait)

    def flush(self, wait: float) -> bool:
        """Hand everything to a writing thread and wait at most `wait` seconds; whether all of it is in the store."""
        if not self._outbox.busy:
            self._flushed = self._clock()
            self._seal()
            self._outbox.send()
        self._outbox.wait(wait)
        return not self._outbox and not self._rows

    def close(self, wait: float = 5.0) -> None:
        """The last flush of a process that ends: what is being written first, then the rest, within `wait` seconds."""
        until = time.monotonic() + wait
        self._outbox.wait(wait)
        if self._rows or self._outbox or self.intervals:
            self.flush(max(0.0, until - time.monotonic()))

    def _seal(self) -> None:
        """Turn the open hours into objects. Runs in the request, so that the thread shares nothing but the queue."""
        self._seal_intervals()
        hours, self._open, self._rows = self._open, {}, 0
        for name, hour in hours.items():
            try:
                self._seal_hour(name, hour)
            except Exception as error:
                self._dropped += hour.rows
                log(f"captured predictions of an hour are lost: {error!r}")

    def _seal_intervals(self) -> None:
        served = Served(
            endpoint=self._endpoint,
            model_version=self._version,
            model_digest=self._model.digest,
            seconds=self.intervals.seconds,
            intervals=self.intervals.take(),
        )
        if served.intervals:
            key = keys.service(self._target, self._endpoint, times.now(), os.urandom(16).hex())
            self._outbox.put(Parcel(key, codec.encode(served), 0))

    def _seal_hour(self, name: int, hour: _Hour) -> None:
        self._gather(hour)
        start, unique = ids.start_of_hour(name), os.urandom(16).hex()
        counted = self._take(hour) if hour.counter is not None else None
        if counted:
            key = keys.profile(self._target, self._endpoint, self._model.digest, start, unique)
            self._outbox.put(Parcel(key, counted, hour.rows))
        if hour.requests:
            key = keys.capture(self._target, self._endpoint, start, unique)
            self._outbox.put(Parcel(key, codec.encode(self._captured(start, hour)), 0 if counted else hour.rows))

    def _take(self, hour: _Hour) -> bytes | None:
        totals = hour.counter.totals()
        counted: bytes | None = hour.counter.take()
        self._nulls += totals.nulls - (hour.before.nulls if hour.before else 0)
        self._unseen += totals.unseen - (hour.before.unseen if hour.before else 0)
        self._outside += totals.out_of_range - (hour.before.out_of_range if hour.before else 0)
        self._spare = hour.counter
        return counted

    def _captured(self, start: str, hour: _Hour) -> Captured:
        return Captured(
            endpoint=self._endpoint,
            model=self._model.name,
            model_version=self._version,
            model_digest=self._model.digest,
            hour=start,
            flushed=times.now(),
            classes=self._model.signature.classes,
            requests=hour.requests,
            labels=[self._classes[label] for label in hour.labels],
            scores=hour.scores,
            features=dict(zip(self._names, hour.features, strict=False)),
        )
