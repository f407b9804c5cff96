"""The answer to one row as bytes, without ASGI in between, for a server that has the whole request at hand.

`connection` asks this first. It answers what is exactly usual (one record as JSON that the typed decoder takes, none of
the headers that ask for more) and leaves everything else to the application, refusals and failures among it, which then
reads the same request from its start: nothing is counted or captured before the answer is certain. What is validated,
captured, counted and sent is the same, and a test compares the two byte for byte.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.serving import ids
from toolkit.serving.routing import JSON, SAFE, request_id_of

if TYPE_CHECKING:
    from toolkit.serving.app import App

PATH = b"/predict"
LABEL = PATH.decode()
# Headers that change what is done with a request or its answer.
_MORE = frozenset({b"content-encoding", b"traceparent", b"x-toolkit-time", b"x-toolkit-flush"})
_HEAD = b"HTTP/1.1 200 OK\r\ndate: %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nx-request-id: %b\r\n"
_REST = b"".join(b"%b: %b\r\n" % pair for pair in SAFE) + b"\r\n"


def _are_many(body: bytes) -> bool:
    """Whether these look like several rows, so that nobody reads them twice: another record after the first, or another
    value in the first column. Where text deceives it, the other way gives the same answer."""
    if body.find(b"{", body.find(b"}") + 1) > 0:
        return True
    return body.startswith(b'{"columns"') and body.find(b",", 0, body.find(b"]")) > 0


def answer(app: App, headers: Sequence[tuple[bytes, bytes]], body: bytes, date: bytes) -> bytes | None:
    """The whole response, or None where the application has to say. `headers` are lower case, `date` is an HTTP one."""
    started = time.perf_counter()
    given = dict(headers)
    if given.get(b"content-type", JSON) != JSON or len(body) > app.limits.max_body or not _MORE.isdisjoint(given):
        return None
    if b"arrow" in given.get(b"accept", b"") or _are_many(body):
        return None
    batching, capture = app.batching, app.capture
    if (batching is not None and not batching.inline) or (capture is not None and capture.due()):
        return None  # another request's turn to wait, or to write what was captured once it is answered
    batch = app.validator.typed(body)
    if batch is None or batch.row is None:
        return None
    moment = time.time_ns() // 1_000_000
    prefix = ids.prefix(moment)
    try:
        prediction = app.model.answer_row(batch.row) if batching is None else batching.now(batch)
        content = app.content(prefix, prediction)
    except Exception:  # asked again by the application, which answers for it
        return None
    app.keep(prefix, moment, batch, prediction)
    request_id = request_id_of(given, prefix)
    response = _HEAD % (date, len(content), request_id.encode()) + _REST + content
    seconds = time.perf_counter() - started
    app.measures.observe(LABEL, 200, seconds)
    if capture is not None:
        capture.intervals.add(200, seconds)
    return response
