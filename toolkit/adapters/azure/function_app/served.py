"""`function_app.py` of a package for Azure Functions: the bundle's application behind AsgiFunctionApp.

Azure's Python worker imports it at start and asks `app` for its functions. `version.json` beside it says what the
version is: what `toolkit_serve` (the server of containers, here without a socket) is told, and the variables that the
bundle reads. Who calls has passed Easy Auth, so the HTTP trigger wants no key of its own. Of every schedule that the
app's settings name there is a timer trigger beside it, whose event goes where events over HTTP go.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import azure.functions
import azure.functions.timer
import toolkit_serve  # type: ignore[import-not-found]  # execution.container.serve, as the package has it
import toolkit_timers  # type: ignore[import-not-found]  # function_app.timers

from toolkit.execution import http_events, http_messages

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
PATH = "/:@!$&'()*+,;=~-._"
ADMITTED = b"x-ms-client-principal"  # what Easy Auth says of whom it let in; a timer has no need to be


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


async def _hand(application: Application, event: dict[str, Any]) -> None:
    """Raises RuntimeError with what the handler's failure said."""
    body, told = json.dumps(event).encode(), []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (ADMITTED, b"timer")]
    scope = {"type": "http", "method": "POST", "path": toolkit_serve.EVENT, "query_string": b"", "headers": headers}
    await application(scope, receive, send)
    if (status := told[0]["status"]) != 200:
        raise RuntimeError(f"{status}: {b''.join(one.get('body', b'') for one in told[1:])[:300]!r}")


def _timer(made: azure.functions.AsgiFunctionApp, application: Application, told: dict[str, Any]) -> None:
    """The host watches over it with a lease and the next time in the app's storage (`use_monitor`): one of all
    instances fires, and what was missed while none ran comes once, late."""

    async def fire(timer: azure.functions.timer.TimerRequest) -> None:
        await _hand(application, toolkit_timers.event(told, timer.past_due, timer.schedule_status, datetime.now(UTC)))

    triggered = made.timer_trigger(arg_name="timer", schedule=told["ncrontab"], use_monitor=True, run_on_startup=False)
    again = made.retry("fixed_delay", str(toolkit_timers.RETRIES), delay_interval=toolkit_timers.PAUSE)
    made.function_name(told["timer"])(again(triggered(fire)))


def _made() -> azure.functions.AsgiFunctionApp:
    version = json.loads((Path(__file__).parent / "version.json").read_text("utf-8"))
    timers = toolkit_timers.enabled(os.environ.get(toolkit_timers.TOLD, ""))
    os.environ.update(version["environment"])
    told = version["told"]
    if most := told.get("memory"):
        threading.Thread(target=toolkit_serve._watch, args=(most,), name="memory", daemon=True).start()
    application = Application(told)
    made = azure.functions.AsgiFunctionApp(
        app=application, http_auth_level=azure.functions.AuthLevel.ANONYMOUS, function_name="toolkit"
    )
    for one in timers:
        _timer(made, application, one)
    return made


app = _made()
