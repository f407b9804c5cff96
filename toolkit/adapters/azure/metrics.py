"""Points as rows of a table of Log Analytics, sent by the logs ingestion API through a data collection rule.

The table `ToolkitMetrics_CL` has a row for each point as it was, with its own time in `Time`: Azure's `TimeGenerated`
may be no older than two days, and is the moment of writing here. What is written can be read some minutes later, as
long as the workspace keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from toolkit.adapters.azure.client import Api, again, passes
from toolkit.adapters.azure.errors import throttled
from toolkit.domain import times
from toolkit.domain.errors import ConfigError, ToolkitError, Unavailable
from toolkit.domain.specs import MetricPoint
from toolkit.ports import Settings

QUERY_HOST = "api.loganalytics.io"
VERSION = "2023-01-01"
TABLE = "ToolkitMetrics_CL"
STREAM = f"Custom-{TABLE}"
COLUMNS = {
    "TimeGenerated": "datetime", "Target": "string", "Name": "string", "Time": "datetime", "Value": "real",
    "Unit": "string", "Labels": "dynamic",
}  # fmt: skip
BATCH = 500  # rows in one request, which has a megabyte
FIRST, LAST = "0001-01-02T00:00:00.000000Z", "9999-12-30T00:00:00.000000Z"  # what KQL's datetime can say


def open_metrics(settings: Settings) -> TableMetrics:
    for name in ("workspace", "ingestion", "rule"):
        if not settings[name]:
            raise ConfigError(f"no {name} is set on azure", hint=f'{name} = "..." in [targets.<t>.azure]')
    endpoint = settings["services_endpoint"]
    return TableMetrics(
        settings["stem"],
        settings["rule"],
        settings["workspace"],
        ingestion=Api(urlsplit(settings["ingestion"]).netloc, VERSION, endpoint),
        queries=Api(QUERY_HOST, "", endpoint),
    )


class TableMetrics:
    def __init__(self, stem: str, rule: str, workspace: str, *, ingestion: Api, queries: Api) -> None:
        self._stem = stem
        self._into = f"/dataCollectionRules/{rule}/streams/{STREAM}"
        self._from = f"/v1/workspaces/{workspace}/query"
        self._ingestion, self._queries = ingestion, queries

    def record(self, points: Sequence[MetricPoint]) -> None:
        now = times.now()
        rows = [self._row(point, now) for point in points if math.isfinite(point.value)]
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            # Best effort, by contract: what cannot be measured must not fail what is measured.
            with suppress(ToolkitError):
                again(lambda batch=batch: self._ingestion.call("write metrics", "POST", self._into, batch), throttled)  # type: ignore[misc]

    def query(
        self, name: str, *, since: str, until: str = "", labels: dict[str, str] | None = None
    ) -> Iterator[MetricPoint]:
        first = max(times.text(times.parse(since)), FIRST)
        last = min(times.text(times.parse(until)), LAST) if until else LAST
        asked = (
            f"{TABLE} | where Target == {quoted(self._stem)} and Name == {quoted(name)}"
            f" and Time >= datetime({first}) and Time < datetime({last})"
            " | order by Time asc | project Name, Time, Value, Unit, Labels"
        )
        wanted = (labels or {}).items()
        for row in self._rows(asked):
            with suppress(msgspec.ValidationError):
                point = msgspec.convert({key.lower(): value for key, value in row.items()}, MetricPoint, strict=False)
                if wanted <= point.labels.items():
                    yield msgspec.structs.replace(point, time=times.text(times.parse(point.time)))

    def _rows(self, query: str) -> Iterator[dict[str, Any]]:
        found = again(lambda: self._queries.call("read metrics", "POST", self._from, {"query": query}), passes)
        if error := found.get("error"):  # some of it is there, and no more
            said = str(error.get("message", "only a part of it came"))
            raise Unavailable(f"cannot read metrics: {said}", hint="ask for less time at once")
        table = found["tables"][0]
        columns = [column["name"] for column in table["columns"]]
        for values in table["rows"]:
            row = dict(zip(columns, values, strict=True))
            # A dynamic column comes as JSON text.
            yield {**row, "Labels": msgspec.json.decode(row["Labels"] or "{}")}

    def _row(self, point: MetricPoint, now: str) -> dict[str, Any]:
        return {
            "TimeGenerated": now,
            "Target": self._stem,
            "Name": point.name,
            "Time": times.text(times.parse(point.time)),
            "Value": point.value,
            "Unit": point.unit,
            "Labels": dict(point.labels),
        }


def quoted(text: str) -> str:
    """Text as KQL has it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'
