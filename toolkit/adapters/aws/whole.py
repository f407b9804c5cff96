"""A reply that broke off is no reply.

Python's HTTP client takes the end of a connection for the end of the headers, so that such a reply reads as a success
with nothing in it. AWS says every reply's length: one without is turned into a 503, and so retried where that is right.
(Not that of HEAD, whose length is another's: who needs one of its headers looks whether it is there.)

What was to be JSON and is none reads as a success with nothing in it too, or as an error without a name: likewise.
"""

from __future__ import annotations

import json
from typing import Any

BODILESS = (204, 304)
LENGTHS = ("content-length", "transfer-encoding")
JSON = ("json", "rest-json")  # protocols
BROKEN = 503


def watch(service: Any) -> Any:
    """The client, which from now on takes no broken reply for a success."""
    service.meta.events.register_first("before-parse", _require_whole)
    service.meta.events.register_first("needs-retry", _retry_by_what_was_parsed)
    return service


def broken_off() -> Exception:
    """As botocore says it of a body."""
    from botocore.exceptions import ResponseStreamingError

    error: Exception = ResponseStreamingError(error="the reply broke off in its headers")
    return error


def _require_whole(operation_model: Any, response_dict: Any, **_: Any) -> None:
    status, headers = response_dict["status_code"], response_dict["headers"]
    head = operation_model.http.get("method") == "HEAD"
    if status >= 500 or status in BODILESS or head:
        return
    if not any(name in headers for name in LENGTHS) or not _readable(operation_model, response_dict):
        if hasattr(response_dict["body"], "close"):  # a stream, as only successes are
            response_dict["body"].close()
        response_dict["status_code"], response_dict["body"] = BROKEN, b""


def _readable(operation_model: Any, response_dict: Any) -> bool:
    """False for JSON that is none: botocore makes an empty answer of it."""
    body, shape = response_dict["body"], operation_model.output_shape
    spoken = operation_model.service_model.metadata.get("protocol")
    if spoken not in JSON or not body or not isinstance(body, bytes):
        return True
    if response_dict["status_code"] >= 300:
        if not body.startswith(b"{"):
            return True  # words of who stands before the service
    elif shape is None or "payload" in shape.serialization:
        return True  # bytes of somebody's
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _retry_by_what_was_parsed(response: Any, **_: Any) -> None:
    """As botocore itself does for S3's errors that come with a 200."""
    if response is not None:
        reply, parsed = response
        reply.status_code = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", reply.status_code)
