"""Cloud Logging: entries kept in memory, found by a filter (`filters`), in time order."""

from __future__ import annotations

import re
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.logging_v2 import types
from google.protobuf import json_format

from toolkit.adapters.gcp.emulator import filters
from toolkit.adapters.gcp.emulator.refused import invalid

RETENTION = timedelta(days=30)
AHEAD = timedelta(hours=24)
_ENTRY = 256 * 1024
_NAME = re.compile(r"projects/[a-z][a-z0-9-]+/logs/[A-Za-z0-9_.%-]{1,511}")
_ORDERS = {"", "timestamp", "timestamp asc", "timestamp desc"}


class Log:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str, str], dict[str, Any]] = {}  # one each log, time and id
        self._number = 0

    def write(self, request: Any, caller: str) -> Any:
        now = datetime.now(UTC)
        for entry in request.entries:
            self._complete(entry, request, now)
            if entry.ByteSize() > _ENTRY:
                raise invalid(f"Log entry with size {entry.ByteSize()} exceeds maximum size of {_ENTRY}.", "entries")
        for entry in request.entries:
            # As on Google's side: what lies outside is accepted and never shown.
            if now - RETENTION < entry.timestamp.ToDatetime(UTC) < now + AHEAD:
                self._keep(json_format.MessageToDict(entry))
        return types.WriteLogEntriesResponse.pb()()

    def printed(self, log: str, resource: dict[str, Any], labels: dict[str, str], text: str, time: str) -> None:
        """A line that a container printed: JSON objects are payloads, everything else is text."""
        entry = {"logName": log, "resource": resource, "labels": labels, "timestamp": time, "textPayload": text}
        with self._lock:
            self._number += 1
            entry["insertId"] = f"{self._number:020d}"
        self._keep(entry)

    def list(self, request: Any, caller: str) -> Any:
        if request.order_by not in _ORDERS:
            raise invalid(f"orderBy {request.order_by!r} is not one of {sorted(_ORDERS)}", "order_by")
        wanted = filters.parse(request.filter)
        parents = tuple(f"{name}/" for name in request.resource_names)
        with self._lock:
            entries = list(self._entries.values())
        found = [one for one in entries if one["logName"].startswith(parents) and wanted(one)]
        found.sort(key=lambda one: (filters.moment(one["timestamp"]), one["insertId"]))
        if request.order_by.endswith("desc"):
            found.reverse()
        size, start = min(request.page_size or 50, 1000), int(request.page_token or 0)
        answer = {"entries": found[start : start + size]}
        return {**answer, "nextPageToken": str(start + size)} if start + size < len(found) else answer

    def _complete(self, entry: Any, request: Any, now: datetime) -> None:
        entry.log_name = entry.log_name or request.log_name
        if not _NAME.fullmatch(entry.log_name):
            raise invalid(f"Log name {entry.log_name!r} is not projects/[PROJECT_ID]/logs/[LOG_ID]", "entries.log_name")
        if not entry.HasField("resource"):
            if not request.resource.type:
                raise invalid("A monitored resource must be specified for each log entry.", "entries.resource")
            entry.resource.CopyFrom(request.resource)
        if not entry.WhichOneof("payload"):
            raise invalid("A log entry must have a payload.", "entries")
        if not entry.HasField("timestamp"):
            entry.timestamp.FromDatetime(now)
        entry.insert_id = entry.insert_id or uuid.uuid4().hex

    def _keep(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._entries[entry["logName"], entry["timestamp"], entry["insertId"]] = entry
