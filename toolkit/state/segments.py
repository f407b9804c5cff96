"""What a run reports while it runs: metrics and parameters, in create-only pieces that no other writer touches.

A piece is written when enough has gathered or enough time has passed since the last, never by a thread in the
background; what a kill can lose is what has gathered since (at most FLUSH_EVENTS values or about FLUSH_SECONDS).
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, ClassVar

import msgspec

from toolkit.domain import codec, times
from toolkit.domain.errors import CommitUnknown
from toolkit.ports.store import Store
from toolkit.state import commit, keys
from toolkit.state.patience import patiently

FLUSH_EVENTS = 500
FLUSH_SECONDS = 1.0


class Point(msgspec.Struct, frozen=True, array_like=True):
    """One value of a metric. `step` is None where the caller gave none."""

    value: float
    step: int | None
    time: str


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    name: str
    value: float | str  # "nan", "inf", "-inf" as text: JSON has no such numbers
    step: int | None
    time: str


class Segment(codec.Record, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "run-segment"

    run_id: str
    writer: str
    sequence: int
    metrics: tuple[_Stored, ...] = ()
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    artifacts: dict[str, str] = msgspec.field(default_factory=dict)  # name -> blob digest


class SegmentWriter:
    """Gathers and writes; use it as a context manager, or call `close`. One thread at a time.

    While the store does not answer, values go on gathering; only `close` raises for it.
    """

    def __init__(self, store: Store, run_id: str, *, clock: Callable[[], str] = times.now) -> None:
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self._writer = uuid.uuid4().hex[:12]
        self._sequence = 0
        self._metrics: list[_Stored] = []
        self._params: dict[str, Any] = {}
        self._artifacts: dict[str, str] = {}
        self._due = time.monotonic() + FLUSH_SECONDS

    def metric(self, name: str, value: float, *, step: int | None = None) -> None:
        number = float(value)
        self._metrics.append(_Stored(name, number if math.isfinite(number) else str(number), step, self._clock()))
        self._maybe_flush()

    def metrics(self, values: dict[str, float], *, step: int | None = None) -> None:
        for name, value in values.items():
            self.metric(name, value, step=step)

    def param(self, name: str, value: Any) -> None:
        """Anything JSON can hold; other values are kept as their text."""
        try:
            self._params[name] = msgspec.to_builtins(value)
        except (TypeError, msgspec.MsgspecError):
            self._params[name] = str(value)
        self._maybe_flush()

    def artifact(self, name: str, digest: str) -> None:
        """A file the run made, stored as a blob already."""
        self._artifacts[name] = digest
        self._maybe_flush()

    def flush(self) -> None:
        """Write what has gathered. CommitUnknown: it is kept, flush again."""
        if not self._gathered():
            return
        segment = Segment(
            run_id=self._run_id,
            writer=self._writer,
            sequence=self._sequence,
            metrics=tuple(self._metrics),
            params=dict(self._params),
            artifacts=dict(self._artifacts),
        )
        key = keys.run_segment(self._run_id, self._writer, self._sequence)
        # A piece whose reply was lost may lie there with fewer values than have gathered by now: then the rest is next.
        found = codec.decode(commit.create(self._store, key, codec.encode(segment)).data, Segment, where=key)
        del self._metrics[: len(found.metrics)]
        self._params = _rest(self._params, found.params)
        self._artifacts = _rest(self._artifacts, found.artifacts)
        self._sequence += 1
        self._due = time.monotonic() + FLUSH_SECONDS
        self.flush()

    def close(self) -> None:
        self.flush()

    def _maybe_flush(self) -> None:
        if self._gathered() >= FLUSH_EVENTS or time.monotonic() >= self._due:
            try:
                self.flush()
            except CommitUnknown:
                self._due = time.monotonic() + FLUSH_SECONDS

    def _gathered(self) -> int:
        return len(self._metrics) + len(self._params) + len(self._artifacts)

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _rest(gathered: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in gathered.items() if name not in written or written[name] != value}


def segments(store: Store, run_id: str) -> Iterator[Segment]:
    """Every piece of the run, each writer's in order."""
    for meta in store.list(f"{keys.run(run_id)}segments/"):
        data = patiently(lambda key=meta.key: store.get(key)).data  # type: ignore[misc]  # a default binds the key
        yield codec.decode(data, Segment, where=meta.key)


def history(pieces: Iterator[Segment]) -> dict[str, tuple[Point, ...]]:
    """Each metric's values in the order of time."""
    found: dict[str, list[Point]] = {}
    for piece in pieces:
        for item in piece.metrics:
            found.setdefault(item.name, []).append(Point(float(item.value), item.step, item.time))
    return {name: tuple(sorted(points, key=lambda point: point.time)) for name, points in sorted(found.items())}


def params(pieces: Iterator[Segment]) -> dict[str, Any]:
    """Every parameter logged; of two with one name, the later piece's."""
    found: dict[str, Any] = {}
    for piece in pieces:
        found.update(piece.params)
    return found


def artifacts(pieces: Iterator[Segment]) -> dict[str, str]:
    """Digests of the files the run logged, by name."""
    found: dict[str, str] = {}
    for piece in pieces:
        found.update(piece.artifacts)
    return found
