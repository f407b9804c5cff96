"""`function_app.py` of a package for Azure Functions: the bundle's application behind AsgiFunctionApp.

Azure's Python worker imports it at start and asks `app` for its functions. `version.json` beside it says what the
version is: what `toolkit_serve` (the server of containers, here without a socket) is told, and the variables that the
bundle reads. Who calls has passed Easy Auth, so the HTTP trigger wants no key of its own.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import azure.functions
import toolkit_serve  # type: ignore[import-not-found]  # execution.container.serve, as the package has it

from toolkit.execution import http_events, http_messages

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
PATH = "/:@!$&'()*+,;=~-._"


class Application:
    """Made when it is first called, in the loop that it lives in."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._served = toolkit_serve.Served(told, http_events, http_messages)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            return
        # The trigger has decoded the path, and says nothing of how it came.
        raw = quote(scope["path"], safe=PATH).encode()
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        await self._served({**scope, "raw_path": raw, "headers": headers, "asgi": {"version": "3.0"}}, receive, send)


def _made() -> azure.functions.AsgiFunctionApp:
    version = json.loads((Path(__file__).parent / "version.json").read_text("utf-8"))
    os.environ.update(version["environment"])
    told = version["told"]
    if most := told.get("memory"):
        threading.Thread(target=toolkit_serve._watch, args=(most,), name="memory", daemon=True).start()
    return azure.functions.AsgiFunctionApp(
        app=Application(told), http_auth_level=azure.functions.AuthLevel.ANONYMOUS, function_name="toolkit"
    )


app = _made()
