"""Log Analytics: rows sent through a data collection rule, asked for in the KQL that the adapters speak."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from typing import Any

from toolkit.adapters.azure.emulator.refused import Refused, missing
from toolkit.adapters.azure.emulator.rest import Call, Method, Reply
from toolkit.adapters.azure.emulator.shapes import Field, Shape
from toolkit.adapters.azure.metrics import COLUMNS, STREAM, TABLE
from toolkit.domain import times

QUERY = Shape({"query": Field(str, required=True), "timespan": Field(str)})
_PYTHON = {"string": str, "real": float, "datetime": str, "dynamic": dict[str, Any]}
ROW = Shape({name: Field(_PYTHON[kind], required=True) for name, kind in COLUMNS.items()})
MOST_BYTES = 1024**2
MOST_FIELD = 64 * 1024
_STRING = r'"(?:[^"\\]|\\.)*"'
_TIME = r"datetime\((\d{4}-\d\d-\d\dT[\d:.]+Z)\)"
_QUERY = re.compile(
    rf"{TABLE} \| where Target == ({_STRING}) and Name == ({_STRING}) and Time >= {_TIME} and Time < {_TIME}"
    r" \| order by Time asc \| project ([\w, ]+)"
)


class Workspace:
    """`others` answer what is asked of other tables."""

    def __init__(self, others: Any) -> None:
        self._others = others
        self._lock = threading.Lock()
        self._rows: list[dict[str, Any]] = []

    def methods(self) -> tuple[Method, ...]:
        into = "/dataCollectionRules/{rule}/streams/{stream}"
        return (
            Method("POST", "{name}.ingest.monitor.azure.com", into, self.write, _Rows, ("2023-01-01",)),
            Method("POST", "api.loganalytics.io", "/v1/workspaces/{workspace}/query", self.query, QUERY),
        )

    def write(self, call: Call) -> Reply:
        if not re.fullmatch(r"dcr-[0-9a-f]{32}", call.path["rule"]):
            raise missing(call.path["rule"], "NotFound")
        if call.path["stream"] != STREAM:
            raise Refused(400, "InvalidStream", f"The stream {call.path['stream']} is not one of the rule's.")
        if len(call.request.body) > MOST_BYTES:
            raise Refused(413, "ContentLengthLimitExceeded", "The request has more than 1 MB.")
        now = times.parse(times.now())
        for row in call.body:
            if any(len(json.dumps(value)) > MOST_FIELD for value in row.values()):
                raise Refused(400, "InvalidField", "A field has more than 64 kB.")
            generated = _moment(row["TimeGenerated"])
            if not now - timedelta(days=2) < generated < now + timedelta(days=1):
                raise Refused(400, "InvalidTimestamp", "TimeGenerated is more than two days old, or not yet.")
            _moment(row["Time"])
        with self._lock:
            self._rows += call.body
        return Reply(None, 204)

    def query(self, call: Call) -> Reply:
        asked = call.body["query"].strip()
        if not asked.startswith(TABLE):
            return Reply(self._others.answer(asked))
        found = _QUERY.fullmatch(asked)
        if not found:
            raise Refused(400, "BadArgumentError", f"A recognition error occurred in the query: {asked[:200]}")
        target, name = json.loads(found[1]), json.loads(found[2])
        first, last, columns = _moment(found[3]), _moment(found[4]), found[5].split(", ")
        if unknown := [column for column in columns if column not in COLUMNS]:
            raise Refused(400, "BadArgumentError", f"Failed to resolve column named '{unknown[0]}'")
        with self._lock:
            rows = [row for row in self._rows if row["Target"] == target and row["Name"] == name]
        kept = sorted((r for r in rows if first <= _moment(r["Time"]) < last), key=lambda r: _moment(r["Time"]))
        values = [[_shown(row[column]) for column in columns] for row in kept]
        named = [{"name": column, "type": COLUMNS[column]} for column in columns]
        return Reply({"tables": [{"name": "PrimaryResult", "columns": named, "rows": values}]})


_Rows = Shape(items=ROW)


def _moment(text: str) -> Any:
    try:
        return times.parse(text)
    except Exception as error:
        raise Refused(400, "InvalidTimestamp", f"{text!r} is no time") from error


def _shown(value: Any) -> Any:
    """A dynamic value is told as JSON text."""
    return json.dumps(value) if isinstance(value, dict) else value
