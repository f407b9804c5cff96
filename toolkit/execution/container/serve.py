"""`python -I -S serve.py CODE SERVER OURS`: uvicorn on PORT over the bundle unpacked in CODE. Run as a file.

SERVER is where the image has uvicorn, OURS where it has the toolkit; both are used before the bundle is looked at and
then forgotten, so that what the bundle imports is its own: a toolkit of its own version, too.

An HTTP request goes to the bundle's ASGI `application` where it has one, else to its handler as an event of Lambda's
function URLs. `POST /_toolkit/event` calls the handler with an event; only where the platform checks who asks. At most
`concurrency` calls run at once, any more are told 429; a call past its time is answered 504, and after some of those
the process ends for a new one, since Python cannot stop a thread. A bundle that cannot be imported answers 500 and is
tried again with the next call.

TOOLKIT_CONTAINER says, as JSON: "handler", "name", "concurrency", "seconds", "events" (whether it takes them); where
the platform has no such limit itself, "payload" (bytes of a request, and of what a handler answers) and "memory" (MiB,
past which the process ends); and "admitted": the header by which the platform tells who was let in, without which a
call is refused (a version that is not for everybody, under a front that is).
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
EVENT = "/_toolkit/event"
FAILED = b"x-toolkit-function-error"
LOST_THREADS = 8
BODY = 33 * 1024**2
LOOK_SECONDS = 0.05


class Context:
    """What handlers of Lambda's may ask."""

    def __init__(self, name: str, seconds: float) -> None:
        self.aws_request_id = uuid.uuid4().hex
        self.function_name = name
        self._ends = asyncio.get_running_loop().time() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends - asyncio.get_event_loop().time()) * 1000))


class Later:
    """What uvicorn is given before there is anything to serve."""

    application: Any = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self.application(scope, receive, send)


class Served:
    """The ASGI application that uvicorn runs; `events` and `messages` are the toolkit's modules of these names."""

    def __init__(self, told: dict[str, Any], events: Any, messages: Any) -> None:
        self._told, self._events, self._messages = told, events, messages
        self._handler: Any = None
        self._application: Any = None
        self._busy = 0
        self._lost = 0
        self._pool = ThreadPoolExecutor(told["concurrency"] + LOST_THREADS, "call")
        self.load()

    def load(self) -> str:
        """What went wrong, or ""."""
        if self._handler is not None:
            return ""
        module, _, name = self._told["handler"].rpartition(".")
        try:
            found = importlib.import_module(module)
            self._handler = getattr(found, name)
        except BaseException as error:
            traceback.print_exc()
            sys.modules.pop(module, None)
            return f"{type(error).__name__}: {error}"
        application = getattr(found, "application", None)
        if inspect.iscoroutinefunction(application) or inspect.iscoroutinefunction(
            getattr(application, "__call__", None)  # noqa: B004
        ):
            self._application = application
        return ""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if refused := self._refused(scope):
            await _answer(send, *refused)
            return
        if self._busy >= self._told["concurrency"]:
            await _answer(send, 429, b'{"message": "Too many calls at once"}')
            return
        self._busy += 1
        try:
            await self._serve(scope, receive, send)
        finally:
            self._busy -= 1
        if self._lost >= LOST_THREADS and not self._busy:
            os._exit(1)

    def _refused(self, scope: Message) -> tuple[int, bytes] | None:
        headers = dict(scope["headers"])
        if (admitted := self._told.get("admitted")) and not headers.get(admitted.encode()):
            return 401, b'{"message": "Unauthorized"}'
        length, most = headers.get(b"content-length", b"0"), self._told.get("payload")
        if most and length.isdigit() and int(length) > most:
            return 413, b'{"message": "Request Entity Too Large"}'
        return None

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        if why := self.load():
            told = json.dumps({"errorType": why.partition(":")[0], "errorMessage": why.partition(": ")[2]}).encode()
            await _answer(send, 500, told, failed=scope["path"] == EVENT)
            return
        event = scope["path"] == EVENT and self._told["events"]
        call = self._event if event else self._plain if self._application is None else self._application
        try:
            await asyncio.wait_for(call(scope, receive, sending), self._told["seconds"])
        except TimeoutError:
            self._lost += 1
            print(f"a call took longer than {self._told['seconds']} s", file=sys.stderr, flush=True)  # noqa: T201
            if not begun:
                late = {"errorType": "Timeout", "errorMessage": f"longer than {self._told['seconds']} s"}
                await _answer(send, 504, json.dumps(late).encode(), failed=bool(event))
        except Exception:
            traceback.print_exc()
            if not begun:
                await _answer(send, 500, b'{"message": "Internal Server Error"}')

    async def _plain(self, scope: Message, receive: Receive, send: Send) -> None:
        raw, query = scope["raw_path"].decode("ascii"), scope["query_string"].decode("ascii")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        target = f"{raw}?{query}" if query else raw
        peer = (scope.get("client") or ("", 0))[0]
        body = await _body(receive)
        request = self._messages.Request(scope["method"], target, headers, body, peer)
        event = self._events.to_event(request, function=self._told["name"], request_id=uuid.uuid4().hex)
        result = json.dumps(await self._call(event)).encode()
        answer = self._events.from_result(result)
        if len(answer.body) > self._told.get("payload", sys.maxsize):
            raise ValueError(f"an answer of {len(answer.body):,} bytes is over the limit")
        await _answer(send, answer.status, answer.body, answer.headers)

    async def _event(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":  # CloudEvents' webhooks ask first whether they may come
            asks = next((value for name, value in scope["headers"] if name == b"webhook-request-origin"), b"*")
            await _answer(send, 200, b"", (("webhook-allowed-origin", asks.decode("latin-1")),))
            return
        given = json.loads(await _body(receive))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scheduled := headers.get("x-cloudscheduler-scheduletime"):
            given = {**given["own"], "time": _time(scheduled), **given["event"]}
        try:
            result = json.dumps(await self._call(given)).encode()
        except Exception as error:
            traceback.print_exc()
            told = {"errorType": type(error).__name__, "errorMessage": str(error)}
            await _answer(send, 500, json.dumps(told).encode(), failed=True)
            return
        await _answer(send, 200, result)

    async def _call(self, event: Any) -> Any:
        context = Context(self._told["name"], self._told["seconds"])
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._handler, event, context)


async def _body(receive: Receive) -> bytes:
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client has gone")
        found += message.get("body", b"")
        if len(found) > BODY or not message.get("more_body"):
            return bytes(found)


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    headers: Any = (("content-type", "application/json"),),
    *,
    failed: bool = False,
) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
    pairs += [(FAILED, b"1")] if failed else []
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _watch(most: int) -> None:
    """End the process when it holds more than `most` MiB: the container itself may have more."""
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        with open("/proc/self/statm") as stream:  # noqa: PTH123
            used = int(stream.read().split()[1]) * page
        if used > most * 1024**2:
            print(f"used {used // 1024**2} MiB, more than its {most} MiB", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(137)
        time.sleep(LOOK_SECONDS)


def _time(text: str) -> str:
    """Cloud Scheduler's time as the toolkit writes times."""
    from datetime import UTC, datetime

    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def main(code: str, server: str, ours: str) -> None:
    told = json.loads(os.environ.pop("TOOLKIT_CONTAINER"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a line is in the log once it is printed
    borrowed = [server] if server == ours else [server, ours]
    sys.path[:0] = borrowed
    import uvicorn

    from toolkit.execution import http_events, http_messages

    later = Later()
    config = uvicorn.Config(
        later,
        host=os.environ.get("TOOLKIT_BIND") or "0.0.0.0",  # noqa: S104  # a container is reached from outside only
        port=int(os.environ["PORT"]),
        interface="asgi3",
        lifespan="off",
        loop="asyncio",
        ws="none",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_keep_alive=620,  # longer than a front keeps a connection
    )
    config.load()
    importlib.import_module("uvicorn.loops.asyncio")  # else it would be imported when it runs
    sys.path[:] = [code, *(path for path in sys.path if path not in borrowed)]
    for name in [name for name in sys.modules if name.partition(".")[0] == "toolkit"]:
        del sys.modules[name]
    later.application = Served(told, http_events, http_messages)
    if most := told.get("memory"):
        threading.Thread(target=_watch, args=(most,), name="memory", daemon=True).start()
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
