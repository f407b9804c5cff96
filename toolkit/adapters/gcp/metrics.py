"""Points as structured entries of Cloud Logging, and the newest of them in Cloud Monitoring, to graph and to alarm on.

Cloud Monitoring takes one point of a series every five seconds, in order and none older than a day: no point can be had
back from it for sure. The log `toolkit-metrics-<stem>` keeps every point as it was, as long as its bucket says.

Cloud Logging shows no entry older than its retention or more than a day ahead: such points stand under the time they
were written, labelled late, and every query looks at those too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from toolkit.adapters.gcp import logs
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.names import Names
from toolkit.domain import times
from toolkit.domain.errors import ConfigError, ToolkitError
from toolkit.domain.specs import MetricPoint
from toolkit.ports import Settings

MONITORING = "monitoring.googleapis.com"
OLDEST, NEWEST = timedelta(days=29), timedelta(hours=1)  # what an entry's own time may be, with some room
FRESH = timedelta(hours=24)  # what Monitoring takes
SERIES = 200  # in one request
LATE = "late"
_METRIC = re.compile(r"[^A-Za-z0-9_/]+")
_LABEL = re.compile(r"[^a-z0-9_]+")


def open_metrics(settings: Settings) -> CloudMetrics:
    if not settings["project"]:
        raise ConfigError("no project is set on gcp", hint='project = "..." in [targets.<t>.gcp]')
    endpoint = settings["services_endpoint"]
    log = logs.Logging(settings["project"], Api(logs.HOST, "v2", endpoint))
    return CloudMetrics(Names(settings["stem"]), log, Api(MONITORING, "v3", endpoint))


class CloudMetrics:
    def __init__(self, names: Names, log: logs.Logging, monitoring: Api) -> None:
        self._stem = names.stem
        self._log = log
        self._monitoring = monitoring
        self._project = f"projects/{log.project}"
        self._name = f"{self._project}/logs/{names.metrics_log}"

    def record(self, points: Sequence[MetricPoint]) -> None:
        now = datetime.now(UTC)
        good = [point for point in points if math.isfinite(point.value)]
        # Best effort, by contract: what cannot be measured must not fail what is measured.
        with suppress(ToolkitError):
            self._log.write([self._entry(point, now) for point in good])
        series = self._series(good, now)
        for start in range(0, len(series), SERIES):
            body = {"timeSeries": series[start : start + SERIES]}
            with suppress(ToolkitError):
                self._monitoring.call("write metrics", "POST", f"{self._project}/timeSeries", body)

    def query(
        self, name: str, *, since: str, until: str = "", labels: dict[str, str] | None = None
    ) -> Iterator[MetricPoint]:
        first, last = times.text(times.parse(since)), times.text(times.parse(until)) if until else "9"
        window = f"timestamp>={logs.quoted(first)}" + (f" AND timestamp<{logs.quoted(last)}" if until else "")
        wanted = (labels or {}).items()
        found = []
        asked = f"logName={logs.quoted(self._name)} AND jsonPayload.point.name={logs.quoted(name)}"
        for entry in self._log.read(f'{asked} AND (({window}) OR labels.{LATE}="yes")'):
            with suppress(msgspec.ValidationError, KeyError):
                found.append(msgspec.convert(entry["jsonPayload"]["point"], MetricPoint))
        yield from sorted(
            (p for p in found if p.name == name and first <= p.time < last and wanted <= p.labels.items()),
            key=lambda point: point.time,
        )

    def _entry(self, point: MetricPoint, now: datetime) -> dict[str, Any]:
        moment = times.parse(point.time)
        fits = now - OLDEST < moment < now + NEWEST
        exact = msgspec.structs.replace(point, time=times.text(moment))
        return {
            "logName": self._name,
            "resource": {"type": "global", "labels": {"project_id": self._log.project}},
            "timestamp": times.text(moment if fits else now),
            "insertId": uuid4().hex,
            "severity": "INFO",
            "labels": {} if fits else {LATE: "yes"},
            "jsonPayload": {"point": msgspec.to_builtins(exact)},
        }

    def _series(self, points: Sequence[MetricPoint], now: datetime) -> list[dict[str, Any]]:
        """The newest point of every series, where it is fresh: Monitoring takes one at a time."""
        newest: dict[tuple[Any, ...], MetricPoint] = {}
        for point in sorted(points, key=lambda point: times.parse(point.time)):
            newest[point.name, *sorted(point.labels.items())] = point
        fresh = [point for point in newest.values() if now - FRESH < times.parse(point.time) <= now]
        return [self._one(point) for point in fresh]

    def _one(self, point: MetricPoint) -> dict[str, Any]:
        labels = {_LABEL.sub("_", key.lower()): value for key, value in point.labels.items() if value}
        return {
            "metric": {
                "type": f"custom.googleapis.com/toolkit/{_METRIC.sub('_', point.name.replace('.', '/'))}",
                "labels": {**labels, "target": self._stem},
            },
            "resource": {"type": "global", "labels": {"project_id": self._log.project}},
            "metricKind": "GAUGE",
            "valueType": "DOUBLE",
            "points": [{"interval": {"endTime": point.time}, "value": {"doubleValue": point.value}}],
        }
