"""Points in a list."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence

import msgspec

from toolkit.domain import times
from toolkit.domain.specs import MetricPoint
from toolkit.ports import Settings

_WORLDS: dict[str, list[MetricPoint]] = {}
_REGISTRY = threading.Lock()


def open_metrics(settings: Settings) -> MemoryMetrics:
    return MemoryMetrics(str(settings.get("name", "default")))


def forget(name: str) -> None:
    with _REGISTRY:
        _WORLDS.pop(name, None)


class MemoryMetrics:
    def __init__(self, name: str) -> None:
        with _REGISTRY:
            self._points = _WORLDS.setdefault(name, [])

    def record(self, points: Sequence[MetricPoint]) -> None:
        self._points.extend(
            msgspec.structs.replace(point, time=times.text(times.parse(point.time)))
            for point in points
            if math.isfinite(point.value)
        )

    def query(
        self, name: str, *, since: str, until: str = "", labels: dict[str, str] | None = None
    ) -> Iterator[MetricPoint]:
        first = times.text(times.parse(since))
        last = times.text(times.parse(until)) if until else "9"
        wanted = (labels or {}).items()
        yield from sorted(
            (
                point
                for point in list(self._points)
                if point.name == name and first <= point.time < last and wanted <= point.labels.items()
            ),
            key=lambda point: point.time,
        )
