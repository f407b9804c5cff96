"""Files of any size in bounded memory: up in one resumable session, down in one stream that goes on where it broke."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from toolkit.adapters.gcp.errors import torn
from toolkit.domain.errors import Corrupt, ToolkitError
from toolkit.execution import large_files
from toolkit.execution.large_files import Source

SINGLE = 8 * 1024**2  # bytes; a file up to this size goes up in one request
PIECE = 16 * 1024**2  # bytes of a resumable session's request; a multiple of 256 KiB
CHUNK = 1024**2
DIGEST = "sha256"  # the metadata that holds the whole file's
RESUMES = 5

Translated = Callable[[], AbstractContextManager[None]]


class Unchanged:
    """A source as the stream that the SDK reads; DataError, before its last piece is sent, if it is not what it was."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stream: BinaryIO = source.path.open("rb")

    def __enter__(self) -> Unchanged:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._source.require(os.fstat(self._stream.fileno()))
        return data

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, position: int, whence: int = 0) -> int:
        return self._stream.seek(position, whence)


@dataclass(frozen=True)
class Stored:
    """One generation of an object; `sha256` is "" where it did not go up as a file."""

    generation: str
    size: int
    sha256: str


def download(opened: Callable[[int], Any], stored: Stored, path: Path, translated: Translated, uri: str) -> None:
    """Write what `opened(start)` (a media GET of that generation that streams) gives to `path`, replaced atomically.
    Corrupt when it is not the file that went up, NotFound when it was replaced meanwhile."""
    with large_files.arriving(path) as stream:
        _fill(stream, opened, stored, translated, uri)


def _fill(stream: BinaryIO, opened: Callable[[int], Any], stored: Stored, translated: Translated, uri: str) -> None:
    digest = hashlib.sha256()
    for resumes in range(RESUMES + 1):
        try:
            with translated():
                for chunk in opened(stream.tell()).iter_content(CHUNK):
                    digest.update(chunk)
                    stream.write(chunk)
            if stream.tell() >= stored.size:
                break
        except ToolkitError as error:
            if resumes == RESUMES or isinstance(error, Corrupt) or not torn(error):
                raise
    if stream.tell() != stored.size or digest.hexdigest() != (stored.sha256 or digest.hexdigest()):
        raise Corrupt(f"{uri} is not the file that was uploaded: its SHA-256 is another")
