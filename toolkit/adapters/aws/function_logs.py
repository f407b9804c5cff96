"""What functions printed, out of their log group: all streams together, in time order.

A cursor is `<milliseconds>.<event>`: the last line's time, and CloudWatch's own id of it, which tells lines of one
millisecond apart. Lines reach CloudWatch late and not in order: who follows looks back a little each time and passes
over what was seen.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from toolkit.adapters.aws.errors import translated
from toolkit.domain import times
from toolkit.domain.errors import AlreadyExists, ConfigError, NotFound
from toolkit.domain.specs import LogLine

RETENTION_DAYS = 90  # as the operator's own groups
LATE_MS = 10_000
_CURSOR = re.compile(r"(\d+)\.(\d+)")
_VERSION = re.compile(r"\[([^]]+)\]")


class Group:
    """The log group of one function. `service` is a client of CloudWatch Logs."""

    def __init__(self, name: str, service: Any, *, poll: float) -> None:
        self.name = name
        self._service = service
        self._poll = poll

    def make(self, tags: dict[str, str]) -> None:
        """With its retention, before Lambda makes one without. One that is there is given it too: who made it may have
        died before it came to that, and a log without an end is paid for without an end."""
        with suppress(AlreadyExists), self._translated("make"):
            self._service.create_log_group(logGroupName=self.name, **({"tags": tags} if tags else {}))
        with self._translated("limit"):
            self._service.put_retention_policy(logGroupName=self.name, retentionInDays=RETENTION_DAYS)

    def delete(self) -> None:
        with suppress(NotFound), self._translated("delete"):
            self._service.delete_log_group(logGroupName=self.name)

    def lines(self, after: str = "") -> Iterator[LogLine]:
        """Those that are there now. ConfigError: not a cursor of this log."""
        begin, last = _position(after)
        for at, event in self._events(begin):
            if at > last:
                yield _line(at, event)

    def follow(self, after: str = "") -> Iterator[LogLine]:
        """Without end."""
        begin, last = _position(after)
        seen: dict[tuple[int, int], None] = {}
        while True:
            for at, event in self._events(begin):
                if at > last and at not in seen:
                    seen[at] = None
                    yield _line(at, event)
            if seen:
                begin = max(begin, max(seen)[0] - LATE_MS)
                seen = {at: None for at in seen if at[0] >= begin}
            time.sleep(self._poll)

    def _events(self, begin: int) -> list[tuple[tuple[int, int], Any]]:
        found = []
        with suppress(NotFound), self._translated("read"):
            pages = self._service.get_paginator("filter_log_events")
            for page in pages.paginate(logGroupName=self.name, startTime=begin, interleaved=True):
                found += [((int(event["timestamp"]), int(event.get("eventId", 0))), event) for event in page["events"]]
        return sorted(found, key=lambda pair: pair[0])

    def _translated(self, verb: str) -> Any:
        return translated(f"{verb} the log {self.name}", self._service.meta.region_name)


def _position(cursor: str) -> tuple[int, tuple[int, int]]:
    if not cursor:
        return 0, (-1, -1)
    found = _CURSOR.fullmatch(cursor)
    if not found:
        raise ConfigError(f"log cursor {cursor!r} is not one of this log's")
    return int(found[1]), (int(found[1]), int(found[2]))


def _line(at: tuple[int, int], event: Any) -> LogLine:
    version = _VERSION.search(event["logStreamName"])
    moment = times.text(datetime.fromtimestamp(at[0] / 1000, UTC))
    text = str(event["message"]).rstrip("\r\n")
    return LogLine(time=moment, text=text, source=version[1] if version else "", cursor=f"{at[0]}.{at[1]}")
