"""Runs: each writes only its own create-only objects, so that any number of them never contend.

    runs/<id>/spec.json     who creates it has made the run       runs/<id>/claim.json   who creates it executes it
    runs/<id>/end.json      who creates it has ended it           runs/<id>/segments/    metrics and parameters

A marker under `tail/` is written before the spec and removed once the ended run is in the index: what is listed is the
index plus the tail, each run once. The tail is listed before the index is read, since compaction goes the other way.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from toolkit.domain import codec, times
from toolkit.domain.errors import AlreadyExists, Conflict, Corrupt, NotFound
from toolkit.domain.records import RunEnd, RunSpec, RunStatus
from toolkit.ports.store import CREATE, Store
from toolkit.state import commit, keys, segments
from toolkit.state.numbers import finite
from toolkit.state.patience import patiently
from toolkit.state.runindex import PART_RUNS, Index, PartName, RunIndex, RunView
from toolkit.state.runsearch import Table, Where
from toolkit.state.segments import Point, SegmentWriter

COMPACT_AT = 200  # ended runs in the tail, from where a listing is felt
RETRIES = 5


class Claim(codec.Record, frozen=True, kw_only=True):
    """Who executes a run. A provider that retries a job has it claim again under the same name."""

    KIND: ClassVar[str] = "run-claim"

    run_id: str
    claimer: str
    time: str


class Runs:
    def __init__(self, store: Store, *, clock: Callable[[], str] = times.now) -> None:
        self._store = store
        self._clock = clock
        self._index = RunIndex(store)
        self._ended: dict[str, RunView] = {}
        self._table: tuple[tuple[str, ...], Table] | None = None

    def create(self, spec: RunSpec) -> bool:
        """Whether this call made the run; False: it exists already (the same code, data and parameters)."""
        if self._get(keys.run_spec(spec.run_id)) is not None:
            return False
        self._mark(spec.run_id)
        data = codec.encode(spec)
        return commit.create(self._store, keys.run_spec(spec.run_id), data).data == data

    def spec(self, run_id: str) -> RunSpec:
        """NotFound."""
        key = keys.run_spec(run_id)
        data = self._get(key)
        if data is None:
            raise NotFound(f"there is no run {run_id}", hint="toolkit runs ls")
        return codec.decode(data, RunSpec, where=key)

    def claim(self, run_id: str, claimer: str) -> bool:
        """Whether `claimer` is to execute the run: the first to ask is, and stays so when it asks again."""
        key = keys.run_claim(run_id)
        wanted = Claim(run_id=run_id, claimer=claimer, time=self._clock())
        found = commit.create(self._store, key, codec.encode(wanted))
        return codec.decode(found.data, Claim, where=key).claimer == claimer

    def log(self, run_id: str) -> SegmentWriter:
        """Where the run's metrics and parameters go."""
        keys.run(run_id)
        return SegmentWriter(self._store, run_id, clock=self._clock)

    def metrics(self, run_id: str) -> dict[str, tuple[Point, ...]]:
        """Every value of every metric, in the order of time."""
        return segments.history(segments.segments(self._store, run_id))

    def params(self, run_id: str) -> dict[str, Any]:
        """Parameters logged while running (those it was started with are in its spec)."""
        return segments.params(segments.segments(self._store, run_id))

    def artifacts(self, run_id: str) -> dict[str, str]:
        """Files logged while running: name -> blob digest."""
        return segments.artifacts(segments.segments(self._store, run_id))

    def end(self, end: RunEnd) -> RunEnd:
        """How the run ended: what the first to say so said. Metrics that are not finite numbers are left out."""
        key = keys.run_end(end.run_id)
        data = codec.encode(msgspec.structs.replace(end, metrics=finite(end.metrics)))
        return codec.decode(commit.create(self._store, key, data).data, RunEnd, where=key)

    def view(self, run_id: str) -> RunView:
        """The run as it stands. NotFound."""
        return self._view(run_id, self.spec(run_id))

    def list(self, model: str = "") -> Sequence[RunView]:
        """Runs (of one model), newest first; each record is made when it is looked at."""
        table, tail = self._read()
        return table.listing([("model", "=", model)] if model else [], "-created", tail)

    def search(
        self, model: str = "", *, where: Iterable[Where] = (), order: str = "-created", limit: int = 100
    ) -> Sequence[RunView]:
        """The first `limit` runs that meet every condition (field, operator, value), in `order`.

        Fields: id, any of RunSpec and RunEnd (model, status, created, ...), metrics.<name>, params.<name>; operators
        = != < <= > >=. `order` is a field, with "-" before it the largest first. A run that lacks a field
        meets no condition on it and comes last. ConfigError names an unknown field or operator.
        """
        conditions: list[Where] = [*where, *([("model", "=", model)] if model else [])]
        table, tail = self._read()
        return table.listing(conditions, order, tail)[:limit]

    def compact(self, *, at_least: int = COMPACT_AT) -> int:
        """Move ended runs from the tail into the index, once there are `at_least`; how many were added.

        Part, then index by compare-and-swap, then the markers: a death in between leaves runs in both, which readers
        count once. Conflict: another compaction was always faster.
        """
        for _ in range(RETRIES):
            tail = self._tail()
            ended = [view for view in self._views(tail) if view.end is not None]
            if len(ended) < max(at_least, 1):
                return 0
            try:
                seen, index = self._index.read()
                table = Table(self._index.parts(index))
            except (NotFound, Corrupt):
                self.reindex()
                continue
            fresh = [view for view in ended if view.id not in table.ids]
            if fresh:
                patiently(lambda: self._ensure(keys.RUN_INDEXED))
                kept, last = index.parts, []
                if kept and kept[-1].runs + len(fresh) <= PART_RUNS:
                    last = [table.parts[-1].view(row) for row in range(kept[-1].runs)]
                    kept = kept[:-1]
                part = self._index.write_part([*last, *fresh])
                if not self._index.swap(_next(index, (*kept, part)), seen):
                    continue
            for view in ended:
                self._store.delete(keys.run_tail(view.id))
            self._index.sweep()
            return len(fresh)
        raise Conflict("another compaction of the run index was faster each time", hint="toolkit runs ls")

    def reindex(self) -> int:
        """Make the index anew from the runs themselves; how many it holds."""
        ids = sorted({meta.key.split("/")[1] for meta in self._store.list(keys.RUNS) if meta.key.endswith("/end.json")})
        ended = list(self._views(ids))
        patiently(lambda: self._ensure(keys.RUN_INDEXED))
        parts = [self._index.write_part(ended[at : at + PART_RUNS]) for at in range(0, len(ended), PART_RUNS)]
        seen = None
        with suppress(NotFound):
            seen = patiently(lambda: self._store.get(keys.RUN_INDEX))
        self._index.swap(_next(Index(), tuple(parts)), seen)
        return len(ended)

    def _read(self) -> tuple[Table, Sequence[RunView]]:
        """The index and, after it, the runs that are only in the tail."""
        tail = self._tail()
        for _ in range(RETRIES):
            try:
                seen, index = self._index.read()
                if seen is None and self._get(keys.RUN_INDEXED) is not None:
                    raise Corrupt("the run index is gone")
                parts = self._index.parts(index)
            except (NotFound, Corrupt):
                # A part was replaced under us, or the cache was damaged: look again, or make it again.
                if not self._readable():
                    self.reindex()
                continue
            names = tuple(part.digest for part in index.parts)
            if self._table is None or self._table[0] != names:
                self._table = (names, Table(parts))
            table = self._table[1]
            return table, list(self._views(run_id for run_id in tail if run_id not in table.ids))
        raise Corrupt("the run index cannot be read", hint="toolkit runs reindex")

    def _readable(self) -> bool:
        try:
            seen, index = self._index.read()
            self._index.parts(index)
        except (NotFound, Corrupt):
            return False
        return seen is not None

    def _tail(self) -> Sequence[str]:
        return [meta.key.removeprefix(keys.RUN_TAIL) for meta in self._store.list(keys.RUN_TAIL)]

    def _views(self, ids: Iterable[str]) -> Iterator[RunView]:
        """Views of the runs that have a spec: a marker alone is a run that was never made."""
        for run_id in ids:
            view = self._ended.get(run_id)
            if view is None:
                data = self._get(keys.run_spec(run_id))
                if data is None:
                    continue
                view = self._view(run_id, codec.decode(data, RunSpec, where=keys.run_spec(run_id)))
                if view.end is not None:
                    self._ended[run_id] = view
            yield view

    def _view(self, run_id: str, spec: RunSpec) -> RunView:
        end = self._get(keys.run_end(run_id))
        if end is not None:
            record = codec.decode(end, RunEnd, where=keys.run_end(run_id))
            return RunView(spec=spec, status=record.status, end=record)
        status: RunStatus = "queued" if self._get(keys.run_claim(run_id)) is None else "running"
        return RunView(spec=spec, status=status)

    def _mark(self, run_id: str) -> None:
        patiently(lambda: self._ensure(keys.run_tail(run_id)))

    def _ensure(self, key: str) -> None:
        with suppress(AlreadyExists):
            self._store.put(key, b"", CREATE)

    def _get(self, key: str) -> bytes | None:
        try:
            return patiently(lambda: self._store.get(key)).data
        except NotFound:
            return None


def _next(index: Index, parts: tuple[PartName, ...]) -> Index:
    return Index(revision=index.revision + 1, nonce=uuid.uuid4().hex, parts=parts)
