"""Points as log lines in CloudWatch's embedded metric format: CloudWatch makes metrics of them, we read the lines.

CloudWatch itself keeps statistics of whole seconds or minutes for exact sets of dimensions: no point can be had back
from it, two equal ones become one, and "all points with this label" cannot be asked. The log group
`/toolkit/<namespace>` keeps every point as it was, for `RETENTION_DAYS`, and the same lines are metrics to graph and to
alarm on.

CloudWatch Logs takes no line older than 14 days or from the future: such points stand in the stream `late` under the
time they were written, and every query looks there too. A point can be read some seconds after it was written.
Every distinct set of labels is a custom metric that AWS charges for: label by endpoint and version, not by request.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import translated
from toolkit.domain import times
from toolkit.domain.errors import AlreadyExists, NotFound, ToolkitError
from toolkit.domain.specs import MetricPoint
from toolkit.ports import Settings

RETENTION_DAYS = 90  # set on the group when we make it; an operator may set another
OLDEST, NEWEST = timedelta(days=13), timedelta(hours=1)  # what a line's own time may be, with some room
BATCH = 200  # lines in one request, which may have a mebibyte
MOST_DIMENSIONS = 30
UNITS = {"count": "Count", "ms": "Milliseconds", "bytes": "Bytes"}
POINTS, LATE = "points", "late"


class Line(msgspec.Struct):
    """What is read back of a line."""

    point: MetricPoint


def open_metrics(settings: Settings) -> CloudWatchMetrics:
    return CloudWatchMetrics(settings["namespace"], client("logs", settings["region"], settings["services_endpoint"]))


class CloudWatchMetrics:
    def __init__(self, namespace: str, logs: Any) -> None:
        self._namespace = namespace
        self._group = f"/toolkit/{namespace}"
        self._logs = logs

    def record(self, points: Sequence[MetricPoint]) -> None:
        for stream, events in _batches(points, self._namespace):
            # Best effort, by contract: what cannot be measured must not fail what is measured.
            with suppress(ToolkitError):
                self._send(stream, events)

    def query(
        self, name: str, *, since: str, until: str = "", labels: dict[str, str] | None = None
    ) -> Iterator[MetricPoint]:
        first = times.text(times.parse(since))
        last = times.text(times.parse(until)) if until else "9"
        window = {"startTime": _ms(times.parse(since))}
        if until:
            window["endTime"] = _ms(times.parse(until))
        found = [*self._lines(name, POINTS, window), *self._lines(name, LATE, {})]
        wanted = (labels or {}).items()
        yield from sorted(
            (p for p in found if p.name == name and first <= p.time < last and wanted <= p.labels.items()),
            key=lambda point: point.time,
        )

    def _lines(self, name: str, stream: str, window: dict[str, int]) -> Iterator[MetricPoint]:
        """Of the stream, those in the window; the pattern is a hint that spares bytes, the caller selects."""
        pattern = f'{{ $.point.name = "{name}" }}' if '"' not in name and "\\" not in name else ""
        decoder = msgspec.json.Decoder(Line)
        asked = {"logGroupName": self._group, "logStreamNames": [stream], "filterPattern": pattern, **window}
        with suppress(NotFound), self._translated("read"):
            for page in self._logs.get_paginator("filter_log_events").paginate(**asked):
                for event in page["events"]:
                    with suppress(msgspec.MsgspecError):
                        yield decoder.decode(event["message"]).point

    def _send(self, stream: str, events: list[dict[str, Any]]) -> None:
        where = {"logGroupName": self._group, "logStreamName": stream}
        try:
            with self._translated("write"):
                self._logs.put_log_events(**where, logEvents=events)
        except NotFound:
            self._make(where)
            with self._translated("write"):
                self._logs.put_log_events(**where, logEvents=events)

    def _make(self, where: dict[str, str]) -> None:
        """The day's stream; the group too where no operator made it (who measures need not be allowed to)."""
        try:
            self._make_stream(where)
        except NotFound:
            with suppress(AlreadyExists), self._translated("write"):
                self._logs.create_log_group(logGroupName=self._group, tags={"managed-by": "toolkit"})
                self._logs.put_retention_policy(logGroupName=self._group, retentionInDays=RETENTION_DAYS)
            self._make_stream(where)

    def _make_stream(self, where: dict[str, str]) -> None:
        with suppress(AlreadyExists), self._translated("write"):
            self._logs.create_log_stream(**where)

    def _translated(self, verb: str) -> AbstractContextManager[None]:
        return translated(f"{verb} the metrics in {self._group}", self._logs.meta.region_name)


def _batches(points: Sequence[MetricPoint], namespace: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(stream, lines in time order), as CloudWatch Logs takes them: of one day and at most BATCH together."""
    now = datetime.now(UTC)
    days: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for point in points:
        if math.isfinite(point.value):
            moment = times.parse(point.time)
            fits = now - OLDEST < moment < now + NEWEST
            exact = msgspec.structs.replace(point, time=times.text(moment))
            stamp = moment if fits else now
            day = (POINTS if fits else LATE, times.text(stamp)[:10])
            days[day].append((_ms(stamp), line(exact, namespace)))
    for (stream, _), lines in sorted(days.items()):
        lines.sort()
        for start in range(0, len(lines), BATCH):
            yield stream, [{"timestamp": ms, "message": text} for ms, text in lines[start : start + BATCH]]


def line(point: MetricPoint, namespace: str) -> str:
    """The point as JSON in the embedded metric format, and under "point" exactly."""
    document: dict[str, Any] = {"point": point}
    taken = {"_aws", "point", point.name}
    if len(point.labels) <= MOST_DIMENSIONS and not taken & point.labels.keys() and point.name not in {"_aws", "point"}:
        metric = {
            "Namespace": namespace,
            "Dimensions": [sorted(key for key, value in point.labels.items() if value)],
            "Metrics": [{"Name": point.name, "Unit": UNITS.get(point.unit, "None")}],
        }
        document |= {**point.labels, point.name: point.value}
        document["_aws"] = {"Timestamp": _ms(times.parse(point.time)), "CloudWatchMetrics": [metric]}
    return msgspec.json.encode(document).decode()


def _ms(moment: datetime) -> int:
    return math.floor(moment.timestamp() * 1000)
