"""Fire the schedules of a folder, at least once each, for as long as it runs.

    <name>.json         the schedule and since when it holds (`Kept`); written by whoever sets it
    fired/<name>.json   the last time it was fired for (`Fired`); written by the scheduler, after the call

What is due follows from these two files and the clock alone: the last of its times that lies after both. So a restart
neither repeats what was recorded nor forgets what was missed, and many missed times are one call. The time is recorded
when the call has returned: a crash in between calls again. A call that keeps failing is recorded with its error and
tried again at the next time, not before.

Every schedule is called in a thread of its own and never overlaps itself; a slow or failing one holds up no other.
"""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from toolkit.domain import schedule, times
from toolkit.domain.errors import ToolkitError
from toolkit.domain.specs import ScheduleSpec
from toolkit.execution import files
from toolkit.execution.attempts import tried

Call = Callable[[str, dict[str, Any]], object]
_LOOK = 1.0  # seconds between two looks at the folder


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`since`: when this spec was set; no earlier time is due."""

    spec: ScheduleSpec
    since: str


class Fired(msgspec.Struct, frozen=True, kw_only=True):
    """`time` is the scheduled one, `at` the real one; `error` is empty when the call succeeded."""

    time: str
    at: str
    error: str = ""


@dataclass(frozen=True)
class Due:
    spec: ScheduleSpec
    time: datetime


def last_fired(folder: Path, name: str) -> Fired | None:
    """What is recorded of a schedule's last call."""
    try:
        return msgspec.json.decode((folder / "fired" / f"{name}.json").read_bytes(), type=Fired)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Scheduler:
    """`call(function name, event)` fires; what it raises counts as failed. `log` takes one line about a failure."""

    def __init__(
        self,
        folder: Path,
        call: Call,
        *,
        clock: Callable[[], datetime] = _utc_now,
        log: Callable[[str], None] = lambda line: None,
        retry_seconds: float = 0.5,
    ) -> None:
        self._folder = folder
        self._call = call
        self._clock = clock
        self._log = log
        self._retry_seconds = retry_seconds
        self._busy: dict[str, threading.Thread] = {}

    def due(self, now: datetime) -> list[Due]:
        """What has to be fired at `now`, by name. A file that cannot be read is logged and passed over."""
        found = []
        for path in sorted(self._folder.glob("[!.]*.json")):
            try:
                kept = msgspec.json.decode(path.read_bytes(), type=Kept)
                if kept.spec.enabled and (moment := self._due(kept, now)):
                    found.append(Due(kept.spec, moment))
            except FileNotFoundError:  # deleted while we looked
                continue
            except (msgspec.MsgspecError, ToolkitError, OSError) as error:
                self._log(f"schedule {path.stem}: {error}")
        return found

    def run_due(self, now: datetime) -> list[Due]:
        """Fire what is due at `now`, one after the other, and return it."""
        found = self.due(now)
        for due in found:
            self._fire(due)
        return found

    def run(self, stop: threading.Event) -> None:
        """Fire until `stop` is set. Where another process already does so for this folder, wait for it to end."""
        with self._alone(stop) as mine:
            while mine and not stop.is_set():
                for due in self.due(self._clock()):
                    self._start(due)
                stop.wait(_LOOK)
        for thread in list(self._busy.values()):
            thread.join(_LOOK)

    def _due(self, kept: Kept, now: datetime) -> datetime | None:
        since = times.parse(kept.since)
        if fired := last_fired(self._folder, kept.spec.name):
            since = max(since, times.parse(fired.time))
        return schedule.parse(kept.spec.expression).due(since, now)

    def _start(self, due: Due) -> None:
        before = self._busy.get(due.spec.name)
        if before and before.is_alive():
            return
        thread = threading.Thread(target=self._fire, args=(due,), name=f"schedule-{due.spec.name}", daemon=True)
        self._busy[due.spec.name] = thread
        thread.start()

    def _fire(self, due: Due) -> None:
        event = schedule.event(due.spec, due.time)
        error = tried(lambda: self._call(due.spec.function, event), wait=self._retry_seconds)
        if error:
            self._log(f"schedule {due.spec.name}: {due.spec.function} failed at {times.text(due.time)}: {error}")
        if not (self._folder / f"{due.spec.name}.json").exists():
            return  # deleted meanwhile: leave nothing behind
        fired = Fired(time=times.text(due.time), at=times.text(self._clock()), error=error)
        try:
            files.replace(self._folder / "fired" / f"{due.spec.name}.json", msgspec.json.encode(fired))
        except OSError as failure:
            self._log(f"schedule {due.spec.name}: could not record that it was fired: {failure}")

    @contextmanager
    def _alone(self, stop: threading.Event) -> Iterator[bool]:
        """Hold the folder's lock; False if stopped before it was free."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as stream:
            while not stop.is_set():
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    stop.wait(_LOOK)
                else:
                    yield True
                    return
            yield False
