"""What containers printed, as Log Analytics keeps it: the table ContainerAppConsoleLogs_CL, asked in a little KQL."""

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
_QUERY = re.compile(
    rf"{TABLE} \| where (?P<where>.+) \| order by _timestamp_d asc "
    r"\| project (?P<columns>[\w, ]+) \| take (?P<take>\d+)"
)
_CONDITION = re.compile(
    r'\s*(?:(?P<column>\w+) (?P<how>==|startswith_cs|>=) (?P<value>"(?:[^"\\]|\\.)*"|\d+(?:\.\d+)?))(?P<rest> and |$)'
)
Row = dict[str, Any]


class ConsoleLogs:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: list[Row] = []
        self._last = 0.0

    def printed(self, text: str, time: str, **more: str) -> None:
        """A line; the columns that are not named are empty."""
        stamp = times.parse(time).timestamp()
        with self._lock:
            self._last = stamp = max(stamp, self._last)
            plain = {column: "" for column, kind in TYPES.items() if kind == "string"}
            self._rows.append({**plain, **more, "Log_s": text, "_timestamp_d": stamp})

    def forget(self, column: str, value: str) -> None:
        with self._lock:
            self._rows = [row for row in self._rows if row[column] != value]

    def answer(self, query: str) -> dict[str, Any]:
        """Refused (400) for a query that is none of this table."""
        found = _QUERY.fullmatch(query.strip())
        if not found:
            raise _wrong(f"A recognition error occurred in the query: {query[:200]}")
        columns = found["columns"].split(", ")
        for column in columns:
            _known(column)
        conditions = _conditions(found["where"])
        with self._lock:
            rows = list(self._rows)
        kept = sorted((row for row in rows if all(holds(row) for holds in conditions)), key=lambda r: r["_timestamp_d"])
        cut = kept[: int(found["take"])]
        named = [{"name": column, "type": TYPES[column]} for column in columns]
        return {
            "tables": [{"name": "PrimaryResult", "columns": named, "rows": [[row[c] for c in columns] for row in cut]}]
        }


def _conditions(text: str) -> list[Callable[[Row], bool]]:
    found: list[Callable[[Row], bool]] = []
    at = 0
    while at < len(text):
        match = _CONDITION.match(text, at)
        if not match:
            raise _wrong(f"Syntax error at {text[at : at + 60]!r}")
        found.append(_condition(_known(match["column"]), match["how"], json.loads(match["value"])))
        at = match.end()
    return found


def _condition(column: str, how: str, value: Any) -> Callable[[Row], bool]:
    if isinstance(value, str) == (TYPES[column] != "string"):
        raise _wrong(f"Cannot compare {column} of type {TYPES[column]} with {value!r}")
    if how == "==":
        return lambda row: bool(row[column] == value)
    if how == "startswith_cs":
        return lambda row: bool(row[column].startswith(value))
    return lambda row: bool(row[column] >= value)


def _known(column: str) -> str:
    if column not in TYPES:
        raise _wrong(f"Failed to resolve column or scalar expression named '{column}'")
    return column


def _wrong(message: str) -> Refused:
    return Refused(400, "BadArgumentError", message)
