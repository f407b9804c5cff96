"""A new champion without a redeploy: the application is put in place whole, between two requests.

An App is one model with everything of it, so a swap is one assignment and an answer cannot be of two versions: a
request that is under way ends with the App that it began with. The old one is let go when its last request has ended;
what it captured is flushed, and its memory is free without waiting for the collector.

When: at most every `seconds`, looked at when a request comes, by a thread of its own. Where the process runs on between
requests nobody waits for it; where it is frozen as soon as it has answered, the request that began it waits up to
`wait` seconds, and what takes longer goes on while the next ones are answered. The thread only makes the new App ready:
everything else happens where the requests are, so nothing is locked.

What cannot be loaded (not signed, gone, a store that does not answer) changes nothing: the old version goes on serving,
the log says why once, `toolkit_problems_total{kind="swap"}` counts it, and the next look tries again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from toolkit.domain.records import Release
from toolkit.serving.app import App
from toolkit.serving.body import Receive, Send
from toolkit.serving.capture import Capture
from toolkit.serving.model import Model
from toolkit.serving.outbox import log
from toolkit.serving.routing import Scope
from toolkit.serving.source import Source, first, same

Make = Callable[[Release, Model], App]


class _Served:
    """One version: its App and how many requests are inside."""

    __slots__ = ("app", "busy", "release")

    def __init__(self, release: Release, app: App) -> None:
        self.release, self.app, self.busy = release, app, 0


class Swap:
    """ASGI: whatever version the endpoint's journal names. Made with the first one loaded, or raises why it is not."""

    def __init__(
        self,
        source: Source,
        make: Make,
        *,
        seconds: float,
        wait: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises what `Source.load` raises, and NotFound where nothing was released yet."""
        self.swaps = 0
        self._source, self._make = source, make
        self._seconds, self._wait, self._clock = seconds, wait, clock
        release = first(source)
        self._served = _Served(release, make(release, source.load(release)))
        self.measures = self._served.app.measures
        self._next: _Served | None = None
        self._failed = ""
        self._retired: list[_Served] = []
        self._leaving: list[Capture] = []
        self._looked = clock()
        self._thread: threading.Thread | None = None

    @property
    def app(self) -> App:
        """The version that answers now."""
        return self._served.app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        self.turn()
        served = self._served
        served.busy += 1
        try:
            await served.app(scope, receive, send)
        finally:
            served.busy -= 1
            if self._retired:
                self._let_go()

    def instantly(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, date: bytes) -> bytes | None:
        """As the served version's own (`instant`); nothing is under way in it when this returns."""
        self.turn()
        return self._served.app.instantly(headers, body, date)

    def turn(self) -> None:
        """Look for a new version if it is time, and put in place what is ready."""
        if self._thread is None:
            if self._clock() - self._looked < self._seconds:
                return
            self._begin()
        if self._thread is not None and not self._thread.is_alive():
            self._thread = None
            self._put()

    def _begin(self) -> None:
        self._looked = self._clock()
        thread = threading.Thread(target=self._look, name="toolkit-swap", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # no thread to be had: another time
            log(f"no look for a new version: {error}")
            return
        self._thread = thread
        if self._wait > 0:
            thread.join(self._wait)

    def _look(self) -> None:
        """In the thread: nothing here is shared but the two results, which are read when it has ended."""
        try:
            release = self._source.current()
            if release is not None and not same(release, self._served.release):
                app = self._make(release, self._source.load(release))
                app.measures = self.measures
                self._next = _Served(release, app)
            self._failed = ""
        except Exception as error:  # whatever it is, the version that serves goes on serving
            self._next = None
            self.measures.problems["swap"] += 1
            if str(error) != self._failed:
                self._failed = str(error)
                log(f"the released version is not served: {error}")

    def _put(self) -> None:
        ready, self._next = self._next, None
        if ready is not None:
            self._retired.append(self._served)
            self._served = ready
            self.swaps += 1
            log(f"serving version {ready.release.model_version} of {ready.release.model}")
        self._let_go()

    def _let_go(self) -> None:
        """Free the versions that nobody is inside of any more, and flush what they captured."""
        for served in [served for served in self._retired if not served.busy]:
            self._retired.remove(served)
            served.app.retire()
            if served.app.capture is not None:
                self._leaving.append(served.app.capture)
        self._leaving = [capture for capture in self._leaving if not capture.flush(0)]

    def close(self, wait: float = 5.0) -> None:
        """The last flush of a process that ends, of every version, within about `wait` seconds."""
        until = time.monotonic() + wait
        captures = [*self._leaving, *(s.app.capture for s in self._retired), self._served.app.capture]
        for capture in captures:
            if capture is not None:
                capture.close(max(0.0, until - time.monotonic()))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message: Any = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                self.close()
                return await send({"type": "lifespan.shutdown.complete"})
