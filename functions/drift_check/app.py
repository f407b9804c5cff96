"""The drift check as a function: HTTP for people, events for the schedule and for new data, one handler for all."""

from __future__ import annotations

from typing import Any

from mangum import Mangum

from toolkit.entry import newdata
from toolkit.entry.drift import application, on_event

_http = Mangum(application(), lifespan="off")


def handler(event: Any, context: Any) -> Any:
    if isinstance(event, dict) and "requestContext" in event:
        return _http(event, context)
    if isinstance(event, dict) and (answer := newdata.on_event(event)) is not None:
        return answer
    return on_event(event)
