"""What jobs printed, out of CloudWatch Logs: one stream an attempt, read in order, from any line on.

A cursor is `<child>.<attempt>.<milliseconds>.<lines>`: which stream, the time of the line, and how many lines of that
very millisecond had been read. CloudWatch's own tokens lead to pages, not to lines, and are good for a day only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from toolkit.adapters.aws.errors import translated
from toolkit.domain import times
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.specs import LogLine

_CURSOR = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, order=True)
class Position:
    """After `lines` lines of the millisecond `ms`, in the stream of this attempt of this child of an array job."""

    child: int = 0
    attempt: int = 0
    ms: int = 0
    lines: int = 0

    @classmethod
    def of(cls, cursor: str) -> Position:
        if not cursor:
            return cls()
        found = _CURSOR.fullmatch(cursor)
        if not found:
            raise ConfigError(f"log cursor {cursor!r} is not one of this log's")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"{self.child}.{self.attempt}.{self.ms}.{self.lines}"

    def start(self, child: int, attempt: int) -> Position:
        """Where to go on in that stream: here, if it is this one; its beginning, if it comes later."""
        return self if (child, attempt) == (self.child, self.attempt) else Position(child, attempt)


class Streams:
    """The streams of one log group. `service` is a client of CloudWatch Logs."""

    def __init__(self, group: str, service: Any) -> None:
        self.group = group
        self._service = service

    def read(self, stream: str, after: Position, source: str) -> Iterator[tuple[Position, LogLine]]:
        """Every line that is there now, with the position after it. A stream that is not there (yet) has none."""
        position, passed = after, 0
        for event in self._events(stream, after.ms):
            ms = int(event["timestamp"])
            if ms == after.ms and passed < after.lines:
                passed += 1
                continue
            lines = position.lines + 1 if ms == position.ms else 1
            position = Position(after.child, after.attempt, ms, lines)
            time = times.text(datetime.fromtimestamp(ms / 1000, UTC))
            text = str(event["message"]).rstrip("\r\n")
            yield position, LogLine(time=time, text=text, source=source, cursor=str(position))

    def last(self, stream: str) -> str:
        """The last line with text, or ""."""
        asked = {"logGroupName": self.group, "logStreamName": stream, "startFromHead": False, "limit": 5}
        with suppress(NotFound), self._translated("read"):
            events = self._service.get_log_events(**asked)["events"]
            return next((text for event in reversed(events) if (text := str(event["message"]).strip())), "")
        return ""

    def delete(self, stream: str) -> None:
        with suppress(NotFound), self._translated("delete"):
            self._service.delete_log_stream(logGroupName=self.group, logStreamName=stream)

    def _events(self, stream: str, since: int) -> Iterator[dict[str, Any]]:
        asked = {"logGroupName": self.group, "logStreamName": stream, "startFromHead": True, "startTime": since}
        token = ""
        while True:
            try:
                with self._translated("read"):
                    page = self._service.get_log_events(**asked, **({"nextToken": token} if token else {}))
            except NotFound:
                return
            yield from page["events"]
            # The end is where the token stays what it was; a page may be empty before it.
            if page["nextForwardToken"] == token:
                return
            token = page["nextForwardToken"]

    def _translated(self, verb: str) -> Any:
        return translated(f"{verb} the log {self.group}", self._service.meta.region_name)
