"""Every refusal is one exception and one document: RFC 9457 problem+json.

    {"type", "title", "status", "detail", "request_id", "errors": [{"row", "field", "message"}]}

`errors` is there for 422 only and is cut at `Limits.max_findings`; `row` counts from 0 and is null where a problem is
not one row's. What a client sent comes back shortened and as valid text, so that a report can always be encoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

TYPE = b"application/problem+json"
_TITLES = {
    400: "The request cannot be read",
    401: "Who is asking is not known",
    403: "Who is asking may not",
    404: "There is nothing here",
    405: "This address does not take that method",
    406: "There is no answer of the kind that is asked for",
    408: "The request did not arrive in time",
    413: "The request is too large",
    415: "The request is in a form that is not understood",
    422: "The request does not fit the model",
    500: "The server failed",
    501: "This endpoint does not do that",
    503: "The server cannot do that now",
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong with a body: which row (from 0), which field, and what in words."""

    row: int | None
    field: str | None
    message: str


class Problem(Exception):
    """Answered as problem+json with this status. `kind` is the stable word of it, counted in the metrics."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        findings: Sequence[Finding] = (),
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.findings = findings
        self.headers = headers

    def encode(self, request_id: str) -> bytes:
        document: dict[str, Any] = {
            "type": f"urn:toolkit:problem:{self.kind}",
            "title": title(self.status),
            "status": self.status,
            "detail": shown(self.detail, 1000),
            "request_id": request_id,
        }
        if self.findings:
            document["errors"] = self.findings
        return msgspec.json.encode(document)


def is_of_memory(error: Exception) -> bool:
    """Whether a library in C++ ran out of memory, which it says in words only."""
    text = str(error)
    return any(word in text for word in ("bad_alloc", "bad allocation", "Failed to allocate memory"))


def title(status: int) -> str:
    return _TITLES.get(status, "Error")


def shown(value: Any, most: int = 60) -> str:
    """A value as a client may be shown it: short, and encodable whatever it was."""
    if isinstance(value, (list, dict)):  # never its content: it may be megabytes, or nested deeper than repr goes
        return "a list" if isinstance(value, list) else "an object"
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    return text.encode("utf-8", "backslashreplace").decode()
