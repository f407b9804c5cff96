"""Timer triggers of function apps, as the Functions host and its scale controller have them.

What triggers an app has is asked of its worker whenever they are synced: after a deploy, a change of its settings, or
when somebody says so. A schedule that is no NCRONTAB is an error of that function alone, which then never fires. The
host remembers the next time of each by its function's name (`use_monitor`); one that it finds past is fired once, late.
A function that fails is called again as its retry policy says. `turn` sets the clock ahead of the machine's.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from toolkit.adapters.azure.emulator.jobs_beats import Bad
from toolkit.adapters.azure.emulator.sites_beats import Beat
from toolkit.domain import times
from toolkit.execution.http_messages import Request, Response

LOOK_SECONDS = 1.0
PATIENCE = 120.0
LISTED = "/admin/functions"


@dataclass
class Timer:
    name: str
    beat: Beat
    next: datetime
    past_due: bool = False
    retries: int = 0
    pause: float = 0.0
    last: str = "0001-01-01T00:00:00+00:00"
    running: threading.Thread | None = None


@dataclass
class App:
    """`call` reaches the host of the app, None where nothing is deployed; `told` writes to its log."""

    call: Callable[[Request], Response | None]
    told: Callable[[str], None]
    stale: bool = False
    timers: dict[str, Timer] = field(default_factory=dict)
    remembered: dict[str, datetime] = field(default_factory=dict)  # function -> its next time
    gone: bool = False


class Timers:
    def __init__(self, apps: Callable[[], Iterable[App]]) -> None:
        self._apps = apps
        self._ahead = timedelta(0)
        self._looking = threading.Lock()
        self._closing = threading.Event()
        threading.Thread(target=self._look_on, name="timers", daemon=True).start()

    def turn(self, seconds: float) -> None:
        """Answers when all that is then due was called."""
        self._look()  # what was changed before is synced before
        with self._looking:
            self._ahead = timedelta(seconds=seconds)
            if not seconds:  # a test is over: what lay ahead is not made up for
                for timer in [timer for app in self._apps() for timer in app.timers.values()]:
                    timer.next = timer.beat.after(self._now()) or datetime.max.replace(tzinfo=UTC)
        while running := self._look():
            for thread in running:
                thread.join(PATIENCE)

    def close(self) -> None:
        self._closing.set()

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def _look_on(self) -> None:
        while not self._closing.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> list[threading.Thread]:
        """Those that call what is due: begun now, or still at it."""
        with self._looking:
            running = []
            for app in list(self._apps()):
                if app.stale:
                    app.stale = False
                    self._sync(app)
                for timer in app.timers.values():
                    idle = timer.running is None or not timer.running.is_alive()
                    if idle and timer.next <= self._now():
                        timer.running = threading.Thread(target=self._call, args=(app, timer), daemon=True)
                        timer.running.start()
                        idle = False
                    if not idle and timer.running:
                        running.append(timer.running)
            return running

    def _sync(self, app: App) -> None:
        """Ask the worker for its functions."""
        answer = app.call(Request("GET", LISTED, (), b"", "127.0.0.1"))
        app.timers = {}
        if answer is None or answer.status != 200:
            return
        for one in json.loads(answer.body):
            if not (trigger := one["timer"]):
                continue
            try:
                timer = self._made(app, one["name"], trigger, one["retry"])
            except Bad as bad:
                app.told(f"The '{one['name']}' function is in error: {bad}")
            else:
                app.timers[timer.name] = timer

    def _made(self, app: App, name: str, trigger: dict[str, Any], retry: dict[str, Any]) -> Timer:
        beat, now = Beat(str(trigger["schedule"])), self._now()
        following = beat.after(now) or datetime.max.replace(tzinfo=UTC)
        monitored = trigger.get("useMonitor") is not False
        remembered = app.remembered.get(name, following) if monitored else following
        timer = Timer(name, beat, min(remembered, following), past_due=remembered <= now)
        app.remembered[name] = timer.next
        if retry:
            timer.retries, timer.pause = int(retry["max_retry_count"]), _seconds(retry["delay_interval"])
        return timer

    def _call(self, app: App, timer: Timer) -> None:
        while timer.next <= self._now() and app.timers.get(timer.name) is timer and not app.gone:
            status = {"Last": timer.last, "Next": times.parse(times.text(timer.next)).isoformat()}
            told = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": {**status, "LastUpdated": timer.last}}
            self._hand(app, timer, {**told, "IsPastDue": timer.past_due})
            if app.stale or app.timers.get(timer.name) is not timer:
                return  # the host went with it, and remembers nothing of this call: it comes again, late
            base = self._now() if timer.past_due else timer.next
            timer.last, timer.past_due = timer.next.isoformat(), False
            timer.next = timer.beat.after(base) or datetime.max.replace(tzinfo=UTC)
            app.remembered[timer.name] = timer.next

    def _hand(self, app: App, timer: Timer, told: dict[str, Any]) -> None:
        body = json.dumps({"input": json.dumps(told)}).encode()
        for left in reversed(range(1 + timer.retries)):
            answer = app.call(Request("POST", f"{LISTED}/{timer.name}", (), body, "127.0.0.1"))
            if answer is None or answer.status == 202 or not left or app.stale or app.gone:
                return
            app.told(f"Executed 'Functions.{timer.name}' (Failed)")
            time.sleep(timer.pause)


def _seconds(text: str) -> float:
    """ "00:00:05" -> 5."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
