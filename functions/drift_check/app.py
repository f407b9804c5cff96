"""The drift check as a function: HTTP for people, events for the schedule, one handler for both."""

from __future__ import annotations

from typing import Any

from mangum import Mangum

from toolkit.entry.drift import application, on_event

_http = Mangum(application(), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> Any:
    if event.get("source") == "toolkit.schedule":
        return on_event(event)
    return _http(event, context)
