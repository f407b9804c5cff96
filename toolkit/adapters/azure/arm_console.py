"""What containers printed, read back from Log Analytics in time order, on from a cursor.

An environment sends it to the workspace's table ContainerAppConsoleLogs_CL, a function app to FunctionAppLogs, where
it can be read some seconds to minutes later. A cursor is a line's time and how many lines of that very time there were
up to it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from toolkit.adapters.azure.client import Api, again, passes
from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import LogLine
from toolkit.ports import Settings

HOST = "api.loganalytics.io"
PAGE = 5000
_CURSOR = re.compile(r"(\d+\.\d{1,9})~(\d+)")
Row = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """Where lines are: the columns of their time and text come first. `clock`: the time is a datetime, no number."""

    name: str
    columns: tuple[str, ...]
    clock: bool = False

    def since(self, seconds: float) -> str:
        """A condition."""
        moment = f"datetime({times.text(datetime.fromtimestamp(seconds, UTC))})" if self.clock else f"{seconds:.9f}"
        return f"{self.columns[0]} >= {moment}"

    def stamp(self, row: Row) -> float:
        found = row[self.columns[0]]
        return times.parse(found).timestamp() if self.clock else float(found)


CONTAINERS = Table("ContainerAppConsoleLogs_CL", ("_timestamp_d", "Log_s", "RevisionName_s", "ContainerGroupName_s"))
FUNCTIONS = Table("FunctionAppLogs", ("TimeGenerated", "Message", "AppName", "HostInstanceId"), clock=True)


class Console:
    def __init__(self, settings: Settings, table: Table = CONTAINERS) -> None:
        self._table = table
        self._workspace = settings["workspace"]
        self._api = Api(HOST, "", settings["services_endpoint"])
        self._poll = 0.1 if settings["services_endpoint"] else 5.0

    def rows(self, wanted: Sequence[str], since: float) -> Iterator[Row]:
        """Of the table where all of `wanted` hold, from `since` (seconds since 1970) on, oldest first."""
        if not self._workspace:
            raise ConfigError("no workspace is set on azure", hint='workspace = "..." in [targets.<t>.azure]')
        skipped = 0
        while True:
            conditions = " and ".join([*wanted, self._table.since(since)])
            order, columns = self._table.columns[0], ", ".join(self._table.columns)
            query = f"{self._table.name} | where {conditions} | order by {order} asc | project {columns}"
            body = {"query": f"{query} | take {PAGE}"}
            path = f"/v1/workspaces/{self._workspace}/query"
            found = again(lambda body=body, path=path: self._api.call("read the log", "POST", path, body), passes)  # type: ignore[misc]
            table = found["tables"][0]
            named = [column["name"] for column in table["columns"]]
            page = [dict(zip(named, row, strict=True)) for row in table["rows"]]
            yield from page[skipped:]
            if len(page) < PAGE:
                return
            since = self._table.stamp(page[-1])
            skipped = sum(self._table.stamp(row) == since for row in page)

    def lines(
        self, wanted: Sequence[str], source: Callable[[Row], str], after: str = "", since: str = ""
    ) -> Iterator[LogLine]:
        """`since` (RFC 3339) is before all that is wanted. ConfigError (not a cursor of a log)."""
        seen, number = _position(after)
        begin = max(seen, times.parse(since).timestamp() if since else 0.0)
        same, count = 0.0, 0
        for row in self.rows(wanted, begin):
            stamp = self._table.stamp(row)
            same, count = (stamp, count + 1) if stamp == same else (stamp, 1)
            if stamp == seen and count <= number:
                continue
            yield LogLine(
                time=times.text(datetime.fromtimestamp(stamp, UTC)),
                text=str(row[self._table.columns[1]]),
                source=source(row),
                cursor=f"{stamp:.9f}~{count}",
            )

    def follow(
        self, wanted: Sequence[str], source: Callable[[Row], str], after: str, since: str, over: Callable[[], bool]
    ) -> Iterator[LogLine]:
        """Until `over`, which is asked before each look, so that nothing printed before the end is missed."""
        while True:
            last = over()
            for line in self.lines(wanted, source, after, since):
                after = line.cursor
                yield line
            if last:
                return
            time.sleep(self._poll)


def equals(column: str, value: str) -> str:
    """A condition; the text is a string of KQL."""
    return f"{column} == {quoted(value)}"


def begins(column: str, value: str) -> str:
    return f"{column} startswith_cs {quoted(value)}"


def quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def _position(cursor: str) -> tuple[float, int]:
    if not cursor:
        return 0.0, 0
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise ConfigError(f"log cursor {cursor!r} is not one of this log's")
    return float(found[1]), int(found[2])
