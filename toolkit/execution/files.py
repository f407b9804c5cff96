"""Small files on this machine, written so that no reader ever sees half of one.

`replace` swaps a whole file, `create` makes one only if it is not there (exactly one of many writers wins), `append`
adds whole lines from several processes at once. What the system refuses comes out as our errors.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from toolkit.domain.errors import PermissionDenied, StorageFull, ToolkitError, Unavailable

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def translated(what: str) -> Iterator[None]:
    """OSError -> StorageFull, PermissionDenied or Unavailable; `what` is what was being done: "write the secret"."""
    try:
        yield
    except ToolkitError:
        raise
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        message = f"could not {what}{place}: {error.strerror or error}"
        if error.errno in _FULL:
            raise StorageFull(message, hint="free some space, then run it again") from error
        if error.errno in _REFUSED:
            raise PermissionDenied(message, hint="check who owns the folder") from error
        raise Unavailable(message) from error


def replace(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write the whole file atomically and durably; makes its folder. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _write_beside(path, data, mode)
    try:
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def create(path: Path, data: bytes) -> bool:
    """Write the file unless it exists: True for the one writer who made it. Raises OSError."""
    beside = _write_beside(path, data, 0o644)
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def append(path: Path, lines: bytes) -> None:
    """Add whole lines in one write: writers in several processes never mix. Raises OSError.

    Each write begins on a new line of its own, so that a line torn by a crash or a full disk spoils only itself; empty
    lines mean nothing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        data = b"\n" + lines if os.fstat(descriptor).st_size else lines
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def _write_beside(path: Path, data: bytes, mode: int) -> Path:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
