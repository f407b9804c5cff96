"""What every route promises, kept by the pages as well: request id, trace, security headers, a place in the metrics.

FastAPI answers them, so its answers are completed on their way out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from toolkit.serving import ids
from toolkit.serving.body import Message, Send
from toolkit.serving.routing import SAFE, Scope, continued, request_id_of

if TYPE_CHECKING:
    from toolkit.serving.app import App

LABEL = "docs"


def kept(app: App, scope: Scope, send: Send) -> Send:
    """`send`, for the answer of a page. What a page says by itself (its own policy) stays."""
    started, given = time.perf_counter(), dict(scope["headers"])
    added = [(b"x-request-id", request_id_of(given, ids.prefix(time.time_ns() // 1_000_000)).encode()), *SAFE]
    trace = continued(given[b"traceparent"]) if b"traceparent" in given else b""
    if trace:
        added.append((b"traceparent", trace))
    status = 200

    async def sent(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status, own = message["status"], list(message.get("headers", ()))
            said = {name for name, _ in own}
            message = {**message, "headers": [*own, *(pair for pair in added if pair[0] not in said)]}
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            app.measures.observe(LABEL, status, time.perf_counter() - started)

    return sent
