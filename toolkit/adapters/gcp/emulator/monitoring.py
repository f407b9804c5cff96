"""Cloud Monitoring: time series with the limits that it has on what is written."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.monitoring_v3 import types

from toolkit.adapters.gcp.emulator.refused import invalid

_METRIC = re.compile(r"custom\.googleapis\.com/[A-Za-z0-9_/]{1,200}")
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,99}")
_FILTER = re.compile(r'metric\.type ?= ?"([^"]+)"')
_SERIES = 200


class Monitoring:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._series: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}

    def create(self, request: Any, caller: str) -> Any:
        now = datetime.now(UTC)
        if len(request.time_series) > _SERIES:
            raise invalid(f"At most {_SERIES} time series in one request.", "time_series")
        with self._lock:
            for series in request.time_series:
                self._check(series, now)
            for series in request.time_series:
                self._add(series)
        return {}

    def list(self, request: Any, caller: str) -> Any:
        wanted = _FILTER.fullmatch(request.filter)
        if not wanted:
            raise invalid(f"filter {request.filter!r} is not one that is understood here", "filter")
        answer = types.ListTimeSeriesResponse.pb()()
        with self._lock:
            answer.time_series.extend(kept for (kind, _), kept in self._series.items() if kind == wanted[1])
        return answer

    def _check(self, series: Any, now: datetime) -> None:
        if not _METRIC.fullmatch(series.metric.type):
            raise invalid(f"The metric type {series.metric.type!r} is not valid.", "time_series.metric.type")
        if any(not _LABEL.fullmatch(key) or len(value) > 1024 for key, value in series.metric.labels.items()):
            raise invalid("A metric label's key or value is not valid.", "time_series.metric.labels")
        if series.resource.type != "global" or not series.resource.labels.get("project_id"):
            raise invalid("The monitored resource needs its labels.", "time_series.resource")
        if len(series.points) != 1:
            raise invalid("Exactly one point a time series.", "time_series.points")
        end = series.points[0].interval.end_time.ToDatetime(UTC)
        if not now - timedelta(hours=25) < end < now + timedelta(minutes=5):
            raise invalid(
                "Data points cannot be written more than 25h in the past or 5 min ahead.", "time_series.points"
            )
        before = self._series.get(_key(series))
        if before is not None and end <= before.points[0].interval.end_time.ToDatetime(UTC):
            raise invalid("Points must be written in order.", "time_series.points")

    def _add(self, series: Any) -> None:
        kept = self._series.setdefault(_key(series), type(series)())
        points = [series.points[0], *kept.points]
        kept.CopyFrom(series)
        del kept.points[:]
        kept.points.extend(points)


def _key(series: Any) -> tuple[str, tuple[tuple[str, str], ...]]:
    return series.metric.type, tuple(sorted(series.metric.labels.items()))
