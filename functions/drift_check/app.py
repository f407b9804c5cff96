"""The drift check as a function: HTTP for people, events for the schedule and for new data, one handler for all."""

from __future__ import annotations

from typing import Any

from mangum import Mangum

from toolkit.entry import newdata
from toolkit.entry.drift import application, on_event

_http = Mangum(application(), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> Any:
    if event.get("source") == "toolkit.schedule":
        return on_event(event)
    if "requestContext" not in event and (answer := newdata.on_event(event)) is not None:
        return answer
    return _http(event, context)
