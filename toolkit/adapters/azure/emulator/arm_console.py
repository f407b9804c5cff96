"""What containers and function apps printed, as Log Analytics keeps it: the tables ContainerAppConsoleLogs_CL and
FunctionAppLogs, asked in a little KQL."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.domain import times

TABLE = "ContainerAppConsoleLogs_CL"
TYPES = {
    "_timestamp_d": "real", "Log_s": "string", "RevisionName_s": "string", "ContainerAppName_s": "string",
    "ContainerJobName_s": "string", "ContainerGroupName_s": "string", "ContainerName_s": "string",
    "EnvironmentName_s": "string", "Stream_s": "string",
}  # fmt: skip
FUNCTIONS = "FunctionAppLogs"
FUNCTION_TYPES = {
    "TimeGenerated": "datetime", "Message": "string", "AppName": "string", "HostInstanceId": "string",
    "Category": "string", "Level": "string",
}  # fmt: skip
TABLES = {TABLE: TYPES, FUNCTIONS: FUNCTION_TYPES}
_QUERY = re.compile(
    rf"(?P<table>{TABLE}|{FUNCTIONS}) \| where (?P<where>.+) \| order by (?P<time>\w+) asc "
    r"\| project (?P<columns>[\w, ]+) \| take (?P<take>\d+)"
)
_CONDITION = re.compile(
    r"\s*(?:(?P<column>\w+) (?P<how>==|startswith_cs|>=) "
    r'(?P<value>"(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?|datetime\([^)]*\)))(?P<rest> and |$)'
)
Row = dict[str, Any]


class ConsoleLogs:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._last = 0.0

    def printed(self, text: str, time: str, **more: str) -> None:
        """A container's line; the columns that are not named are empty."""
        stamp = times.parse(time).timestamp()
        with self._lock:
            self._last = stamp = max(stamp, self._last)
            plain = {column: "" for column, kind in TYPES.items() if kind == "string"}
            self._rows[TABLE].append({**plain, **more, "Log_s": text, "_timestamp_d": stamp})

    def told(self, text: str, time: str, app: str, instance: str) -> None:
        """A function app's line."""
        own = {"Message": text, "AppName": app, "HostInstanceId": instance, "Category": "Host.Function.Console"}
        with self._lock:
            before = self._rows[FUNCTIONS]
            moment = max(time, before[-1]["TimeGenerated"]) if before else time
            before.append({**own, "TimeGenerated": moment, "Level": "Information"})

    def forget(self, column: str, value: str, table: str = TABLE) -> None:
        with self._lock:
            self._rows[table] = [row for row in self._rows[table] if row[column] != value]

    def answer(self, query: str) -> dict[str, Any]:
        """Refused (400) for a query that is none of these tables'."""
        found = _QUERY.fullmatch(query.strip())
        if not found:
            raise _wrong(f"A recognition error occurred in the query: {query[:200]}")
        types = TABLES[found["table"]]
        columns = found["columns"].split(", ")
        for column in (*columns, found["time"]):
            _known(column, types)
        conditions = _conditions(found["where"], types)
        with self._lock:
            rows = list(self._rows[found["table"]])
        kept = sorted((row for row in rows if all(holds(row) for holds in conditions)), key=lambda r: r[found["time"]])
        cut = kept[: int(found["take"])]
        named = [{"name": column, "type": types[column]} for column in columns]
        return {
            "tables": [{"name": "PrimaryResult", "columns": named, "rows": [[row[c] for c in columns] for row in cut]}]
        }


def _conditions(text: str, types: dict[str, str]) -> list[Callable[[Row], bool]]:
    found: list[Callable[[Row], bool]] = []
    at = 0
    while at < len(text):
        match = _CONDITION.match(text, at)
        if not match:
            raise _wrong(f"Syntax error at {text[at : at + 60]!r}")
        column = _known(match["column"], types)
        found.append(_condition(column, types[column], match["how"], match["value"]))
        at = match.end()
    return found


def _condition(column: str, kind: str, how: str, text: str) -> Callable[[Row], bool]:
    given = "datetime" if text.startswith("datetime(") else "string" if text.startswith('"') else "real"
    if given != kind:
        raise _wrong(f"Cannot compare {column} of type {kind} with {text}")
    if kind == "datetime":
        moment = times.parse(text.removeprefix("datetime(").removesuffix(")"))
        if how != ">=":
            raise _wrong(f"Syntax error at {how}")
        return lambda row: bool(times.parse(row[column]) >= moment)
    value = json.loads(text)
    if how == "==":
        return lambda row: bool(row[column] == value)
    if how == "startswith_cs":
        return lambda row: bool(row[column].startswith(value))
    return lambda row: bool(row[column] >= value)


def _known(column: str, types: dict[str, str]) -> str:
    if column not in types:
        raise _wrong(f"Failed to resolve column or scalar expression named '{column}'")
    return column


def _wrong(message: str) -> Refused:
    return Refused(400, "BadArgumentError", message)
