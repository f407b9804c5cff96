"""Tell functions of the files that come into a folder, at least once each, for as long as it runs.

    <name>.json        the watch and the folder that it looks at (`Kept`); written by whoever sets it
    seen/<name>.json   key -> version of what was told, or was there when the watch was set; written by the watcher

A file is told when it has not changed for a moment, so that what is still being copied is not read by half. What was
told is recorded when the call has returned: a crash in between tells it again. A call that keeps failing is recorded
too, with a line in the log, as a cloud would give up on it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from toolkit.domain import times
from toolkit.domain.newdata import WatchSpec
from toolkit.execution import files
from toolkit.execution.attempts import tried

Call = Callable[[str, dict[str, Any]], object]
SOURCE = "toolkit.store"
SETTLED = timedelta(seconds=1)  # without a change
_LOOK = 2.0  # seconds between two looks


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """`root` is the absolute folder whose files' paths are keys."""

    spec: WatchSpec
    root: str


def there(root: str, prefix: str) -> dict[str, tuple[str, datetime]]:
    """Key -> (version, when it was written) of the files under `prefix`."""
    found = {}
    for folder, folders, names in os.walk(Path(root, prefix.rpartition("/")[0])):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            key = path.relative_to(root).as_posix().replace("~/", "/").removesuffix("~")
            if name.startswith(".") or not key.startswith(prefix):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # deleted while we looked
            found[key] = (
                f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}",
                datetime.fromtimestamp(status.st_mtime, UTC),
            )
    return found


class Watcher:
    """`call(function name, event)` tells; what it raises counts as failed. `log` takes one line about a failure."""

    def __init__(
        self,
        folder: Path,
        call: Call,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        log: Callable[[str], None] = lambda line: None,
        retry_seconds: float = 0.5,
    ) -> None:
        self._folder = folder
        self._call = call
        self._clock = clock
        self._log = log
        self._retry_seconds = retry_seconds

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set."""
        while not stop.wait(_LOOK):
            self.look()

    def look(self) -> None:
        """Tell what has come since the last look. A file that cannot be read is logged and passed over."""
        for path in sorted(self._folder.glob("[!.]*.json")):
            try:
                self._tell_of(msgspec.json.decode(path.read_bytes(), type=Kept))
            except FileNotFoundError:  # deleted while we looked
                continue
            except (msgspec.MsgspecError, OSError) as error:
                self._log(f"watch {path.stem}: {error}")

    def _tell_of(self, kept: Kept) -> None:
        place = self._folder / "seen" / f"{kept.spec.name}.json"
        seen = msgspec.json.decode(place.read_bytes(), type=dict[str, str])
        for event, key, version in self._new(kept, seen):
            call = partial(self._call, kept.spec.function, event)
            if error := tried(call, wait=self._retry_seconds):
                self._log(f"watch {kept.spec.name}: {kept.spec.function} failed for {key}: {error}")
            seen[key] = version
            if not (self._folder / f"{kept.spec.name}.json").exists():
                return  # deleted meanwhile: leave nothing behind
            files.replace(place, msgspec.json.encode(seen))

    def _new(self, kept: Kept, seen: dict[str, str]) -> Iterator[tuple[dict[str, Any], str, str]]:
        until = self._clock() - SETTLED
        for key, (version, written) in sorted(there(kept.root, kept.spec.prefix).items()):
            if seen.get(key) != version and written <= until:
                uri = Path(kept.root, key).as_uri()
                yield {"source": SOURCE, "uri": uri, "version": version, "time": times.text(written)}, key, version
