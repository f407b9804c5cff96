"""Schedules in a dictionary. Nothing here runs by itself: whoever holds the clock calls `run_due`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from toolkit.domain import names, schedule
from toolkit.domain.errors import NotFound
from toolkit.domain.specs import ScheduleSpec
from toolkit.ports import Settings


@dataclass
class _Kept:
    spec: ScheduleSpec
    since: datetime


_WORLDS: dict[str, dict[str, _Kept]] = {}
_REGISTRY = threading.Lock()


def open_schedules(settings: Settings) -> MemorySchedules:
    return MemorySchedules(str(settings.get("name", "default")))


def forget(name: str) -> None:
    with _REGISTRY:
        _WORLDS.pop(name, None)


class MemorySchedules:
    """`clock` says when a schedule was set; tests turn it."""

    def __init__(self, name: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        with _REGISTRY:
            self._kept = _WORLDS.setdefault(name, {})
        self._clock = clock

    def put(self, spec: ScheduleSpec) -> None:
        names.check_resource("schedule", spec.name)
        schedule.parse(spec.expression)
        before = self._kept.get(spec.name)
        if before is None or before.spec != spec:
            self._kept[spec.name] = _Kept(spec, self._clock())

    def get(self, name: str) -> ScheduleSpec:
        kept = self._kept.get(names.check_resource("schedule", name))
        if kept is None:
            raise NotFound(f"no schedule {name!r} in this process")
        return kept.spec

    def list(self, tags: dict[str, str] | None = None) -> Iterator[ScheduleSpec]:
        wanted = (tags or {}).items()
        for _, kept in sorted(self._kept.items()):
            if wanted <= kept.spec.tags.items():
                yield kept.spec

    def delete(self, name: str) -> None:
        self._kept.pop(names.check_resource("schedule", name), None)

    def run_due(self, now: datetime, call: Callable[[str, dict[str, Any]], object]) -> None:
        """Call what is due at `now`, by name, as a provider's scheduler would."""
        for _, kept in sorted(self._kept.items()):
            if kept.spec.enabled and (moment := schedule.parse(kept.spec.expression).due(kept.since, now)):
                kept.since = moment
                call(kept.spec.function, schedule.event(kept.spec, moment))
