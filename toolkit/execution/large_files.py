"""Files of any size on their way to a store and back: up as they were when their digest was taken, down as a whole."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from toolkit.domain.errors import DataError, NotFound, PermissionDenied
from toolkit.execution import files


@dataclass(frozen=True)
class Source:
    """A file as it was when its digest was taken."""

    path: Path
    size: int
    changed: int  # nanoseconds
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """NotFound or PermissionDenied where it cannot be read."""
        try:
            with path.open("rb") as stream:
                status = path.stat()
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            kind = PermissionDenied if isinstance(error, PermissionError) else NotFound
            raise kind(f"cannot read {path}: {error.strerror}") from error
        return cls(path, status.st_size, status.st_mtime_ns, digest)

    def read(self, start: int, length: int) -> bytes:
        """DataError if the file is not what it was."""
        with files.translated(f"read {self.path}"), self.path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(length)
            status = self.path.stat()
        self.require(status, whole=len(data) == length)
        return data

    def require(self, status: os.stat_result, *, whole: bool = True) -> None:
        """DataError if the file, which has `status` now, is not what it was, or if what was read is not the `whole`."""
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed) or not whole:
            raise DataError(f"{self.path} changed while it was uploaded", hint="run it again when nothing writes it")


@contextmanager
def arriving(path: Path) -> Iterator[BinaryIO]:
    """A stream beside `path` that replaces it, atomically, when all is written; after an error nothing is left of it.
    OSError comes out as ours."""
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with files.translated(f"write {path}"):
            with beside.open("xb") as stream:
                yield stream
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
