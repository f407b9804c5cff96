"""What a command printed, kept line by line with its times.

The command writes straight into the file `output` (stdout and stderr are one descriptor opened for appending), so the
order is the program's own, nothing passes through us that could be lost, and killing the supervisor loses no line. The
supervisor only notes in `times` how far the file had grown when: the time of a line is that of the note that covers it
(within a tenth of a second). Lines past the last note, after a kill, have the file's own time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from toolkit.domain import times
from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import LogLine

LONGEST = 256 * 1024  # bytes: a longer line comes in parts, as it does from the clouds' log services
_POLL = 0.1


class Output:
    """The writing side. The folder must exist."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / "output"
        self._times = folder / "times"
        self._noted = -1
        self._begin = 0

    def open(self) -> BinaryIO:
        """The descriptor for a command's stdout and stderr."""
        stream = self._output.open("ab", buffering=0)
        self._begin = os.fstat(stream.fileno()).st_size
        return stream

    def note(self) -> None:
        """Remember when the file had its present size; called often, writes only when it has grown."""
        size = self._output.stat().st_size if self._output.exists() else 0
        if size > self._noted:
            with self._times.open("ab", buffering=0) as stream:
                stream.write(f"{size} {times.now()}\n".encode())
            self._noted = size

    def last_line(self, limit: int = 300) -> str:
        """The last line with text that the last command printed, cut to `limit` characters."""
        if not self._output.exists():
            return ""
        with self._output.open("rb") as stream:
            stream.seek(max(self._begin, os.fstat(stream.fileno()).st_size - 8192))
            lines = stream.read().decode("utf-8", "replace").splitlines()
        return next((line.strip()[:limit] for line in reversed(lines) if line.strip()), "")


class Reader:
    """The reading side: `read` again for what has come since. `after` is a cursor of an earlier LogLine."""

    def __init__(self, folder: Path, *, source: str = "", after: str = "") -> None:
        if after and not (after.isascii() and after.isdigit()):
            raise ConfigError(f"log cursor {after!r} is not one of this log's")
        self._output = folder / "output"
        self._times = folder / "times"
        self._source = source
        self._position = int(after or 0)
        self._notes = 0  # bytes of `times` read
        self._pending: list[tuple[int, str]] = []
        self._latest = ""

    def read(self, *, whole: bool) -> Iterator[LogLine]:
        """New lines in order. `whole`: nobody writes any more, so a last line without its end is a line too; before
        that a line comes when a note covers it, so that its time is the same whenever it is read."""
        try:
            stream = self._output.open("rb")
        except FileNotFoundError:
            return
        with stream:
            stream.seek(self._position)
            while line := stream.readline(LONGEST):
                torn = not line.endswith(b"\n") and len(line) < LONGEST
                if not whole and (torn or not self._noted(self._position + len(line))):
                    return
                self._position += len(line)
                yield LogLine(
                    time=self._time(stream),
                    text=line.rstrip(b"\r\n").decode("utf-8", "replace"),
                    source=self._source,
                    cursor=str(self._position),
                )

    def _time(self, stream: BinaryIO) -> str:
        """The time of what ends at the present position; never earlier than the line before."""
        while self._pending or self._more_notes():
            size, noted = self._pending[0]
            if size >= self._position:
                self._latest = max(self._latest, noted)
                return self._latest
            self._pending.pop(0)
        modified = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
        self._latest = max(self._latest, times.text(modified))
        return self._latest

    def _noted(self, size: int) -> bool:
        """Whether a note covers this size of the file."""
        return bool(self._pending and self._pending[-1][0] >= size) or (self._more_notes() and self._noted(size))

    def _more_notes(self) -> bool:
        """Whether there were any."""
        try:
            with self._times.open("rb") as stream:
                stream.seek(self._notes)
                data = stream.read(1 << 16)
        except FileNotFoundError:
            return False
        complete = data[: data.rfind(b"\n") + 1]
        self._notes += len(complete)
        for line in complete.splitlines():
            size, _, noted = line.partition(b" ")
            self._pending.append((int(size), noted.decode()))
        return bool(complete)


def follow(reader: Reader, ended: Callable[[], bool]) -> Iterator[LogLine]:
    """Every line until `ended`, which is asked before each read so that nothing printed before the end is missed."""
    while True:
        done = ended()
        yield from reader.read(whole=done)
        if done:
            return
        time.sleep(_POLL)
