"""A function's log: one JSON line a record, kept under a size, read back by cursor.

The cursor of a record is a number that only grows (nanoseconds, made unique), so that it stays valid when the file is
turned over: at `TURN_BYTES` the log becomes the older half and a new one begins; what was older is gone.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from toolkit.domain.errors import ConfigError
from toolkit.domain.specs import LogLine
from toolkit.execution import files

TURN_BYTES = 32 * 1024**2
_POLL = 0.1


class FunctionLog:
    """The writing side; used from many threads of one process. `path` is made by the first record."""

    def __init__(self, path: Path, turn_bytes: int = TURN_BYTES) -> None:
        self._path = path
        self._turn = turn_bytes
        self._lock = threading.Lock()
        self._last = 0

    def write(self, source: str, said: Sequence[tuple[str, str]]) -> None:
        """Append (time, text) records. A full disk or a deleted folder loses them, never the call they are about."""
        if not said:
            return
        with self._lock, suppress(OSError):
            if not self._path.parent.is_dir():
                return  # the function was deleted meanwhile
            with suppress(FileNotFoundError):
                if self._path.stat().st_size > self._turn:
                    self._path.replace(_older(self._path))
            files.append(self._path, b"".join(self._line(source, moment, text) for moment, text in said))

    def _line(self, source: str, moment: str, text: str) -> bytes:
        self._last = max(time.time_ns(), self._last + 1)
        return msgspec.json.encode(LogLine(time=moment, source=source, text=text, cursor=str(self._last))) + b"\n"


def read(
    path: Path, *, follow: bool = False, after: str = "", ended: Callable[[], bool] = lambda: False
) -> Iterator[LogLine]:
    """Records after the cursor `after`, in order; `follow` goes on until `ended`. ConfigError: not a cursor."""
    if after and not (after.isascii() and after.isdigit()):
        raise ConfigError(f"log cursor {after!r} is not one of this log's")
    last = int(after or 0)
    place = _Place()
    while True:
        done = ended()
        for line in place.news(path):
            if int(line.cursor) > last:
                last = int(line.cursor)
                yield line
        if not follow or done:
            return
        time.sleep(_POLL)


class _Place:
    """How far a reader has come: an offset in one file, until another file takes its name."""

    def __init__(self) -> None:
        self._file = 0
        self._offset = 0

    def news(self, path: Path) -> Iterator[LogLine]:
        with suppress(FileNotFoundError), path.open("rb") as stream:
            file = os.fstat(stream.fileno()).st_ino
            if file != self._file:  # the first look, or the log was turned over: see the older half too
                self._file, self._offset = file, 0
                with suppress(FileNotFoundError), _older(path).open("rb") as older:
                    yield from _lines(older)
            stream.seek(self._offset)
            for line in stream:
                if not line.endswith(b"\n"):
                    return  # still being written
                self._offset += len(line)
                yield from _lines([line])


def _lines(lines: Iterable[bytes]) -> Iterator[LogLine]:
    for line in lines:
        with suppress(msgspec.DecodeError):  # empty, or torn by a full disk
            yield msgspec.json.decode(line, type=LogLine)


def _older(path: Path) -> Path:
    return path.with_name(f"{path.stem}.1{path.suffix}")
