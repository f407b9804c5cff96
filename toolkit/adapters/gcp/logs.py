"""Cloud Logging: structured entries written, and lines read back in time order, on from a cursor.

What is written can be read some seconds later. A cursor is the time of a line and Google's id of it, which together are
the order of a log.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from toolkit.adapters.gcp.client import Api, again
from toolkit.adapters.gcp.errors import throttled
from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import LogLine

HOST = "logging.googleapis.com"
PAGE = 1000
BATCH = 500  # entries in one request
_CURSOR = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+Z)~(\S+)")


class Logging:
    def __init__(self, project: str, api: Api) -> None:
        self.project = project
        self._api = api

    def write(self, entries: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(entries), BATCH):
            body = {"entries": entries[start : start + BATCH]}
            again(lambda body=body: self._api.call("write the log", "POST", "entries:write", body), throttled)  # type: ignore[misc]

    def read(self, wanted: str, after: str = "") -> Iterator[dict[str, Any]]:
        """Entries that the filter `wanted` finds, after the cursor, oldest first. ConfigError (not its cursor)."""
        body: dict[str, Any] = {
            "resourceNames": [f"projects/{self.project}"],
            "filter": f"({wanted}){_later(after)}",
            "orderBy": "timestamp asc",
            "pageSize": PAGE,
        }
        while True:
            page = again(lambda: self._api.call("read the log", "POST", "entries:list", body), throttled)
            yield from page.get("entries", ())
            if not (token := page.get("nextPageToken", "")):
                return
            body["pageToken"] = token

    def last(self, wanted: str) -> str:
        """The text of the newest entry, cut to 300 characters; "" where there is none."""
        names = [f"projects/{self.project}"]
        body = {"resourceNames": names, "filter": wanted, "orderBy": "timestamp desc", "pageSize": 1}
        page = again(lambda: self._api.call("read the log", "POST", "entries:list", body), throttled)
        return next((_text(entry).strip()[:300] for entry in page.get("entries", ())), "")

    def lines(self, wanted: str, source: Callable[[dict[str, Any]], str], after: str = "") -> Iterator[LogLine]:
        for entry in self.read(wanted, after):
            yield LogLine(
                time=times.text(times.parse(_micro(entry["timestamp"]))),
                text=_text(entry),
                source=source(entry),
                cursor=f"{entry['timestamp']}~{entry['insertId']}",
            )

    def follow(
        self,
        wanted: str,
        source: Callable[[dict[str, Any]], str],
        after: str,
        over: Callable[[], bool],
        poll: float,
    ) -> Iterator[LogLine]:
        """Until `over`, which is asked before each look, so that nothing printed before the end is missed."""
        while True:
            last = over()
            for line in self.lines(wanted, source, after):
                after = line.cursor
                yield line
            if last:
                return
            time.sleep(poll)


def quoted(text: str) -> str:
    """Text as a value of a filter."""
    return json.dumps(text, ensure_ascii=False)


def _later(cursor: str) -> str:
    if not cursor:
        return ""
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise ConfigError(f"log cursor {cursor!r} is not one of this log's")
    moment, last = quoted(found[1]), quoted(found[2])
    return f" AND (timestamp>{moment} OR (timestamp={moment} AND insertId>{last}))"


def _text(entry: dict[str, Any]) -> str:
    """A line as it was printed: text, or the JSON object that it was."""
    if "textPayload" in entry:
        return str(entry["textPayload"])
    payload = entry.get("jsonPayload", {})
    return str(payload["message"]) if set(payload) == {"message"} else json.dumps(payload, ensure_ascii=False)


def _micro(stamp: str) -> str:
    """Nanoseconds are more than Python's times have."""
    return re.sub(r"(\.\d{6})\d+", r"\1", stamp)
