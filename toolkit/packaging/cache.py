"""Files that can be made again: under the user's cache folder, placed whole or not at all.

`XDG_CACHE_HOME` moves it (platformdirs). Deleting it costs time, never correctness.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from toolkit.domain.errors import ConfigError, StorageFull

IN_USE = 900  # seconds in which a file that was made or found is read: a plan is looked at, a bundle sent


@contextmanager
def disk(what: str) -> Iterator[None]:
    """Turn a full or read-only disk into an error that says where: StorageFull or ConfigError."""
    try:
        yield
    except OSError as error:
        where = f"{what}: {error.strerror} ({error.filename or 'no file'})"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise StorageFull(where, hint="free some space, or set XDG_CACHE_HOME to another disk") from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise ConfigError(where, hint="set XDG_CACHE_HOME to a folder that can be written") from error
        raise


def folder(name: str) -> Path:
    """`<cache>/driftloop/<name>`, made if need be."""
    path = user_cache_path("driftloop", appauthor=False) / name
    with disk("cannot make the cache folder"):
        path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def placing(path: Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder; on success it becomes `path` in one step, else it is removed."""
    with disk(f"cannot write {path}"):
        handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        os.close(handle)
        part = Path(name)
        try:
            yield part
            part.chmod(0o644)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def work() -> Iterator[Path]:
    """An empty folder on the cache's disk (uv links files instead of copying them), gone afterwards.

    What killed processes left there a day ago goes too.
    """
    place = folder("work")
    for path in place.iterdir():
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - 86_400:
                shutil.rmtree(path)
    with tempfile.TemporaryDirectory(dir=place) as name:
        yield Path(name)


def keep_newest(directory: Path, pattern: str, count: int) -> None:
    """Remove all but the `count` files used last, and those of the last `IN_USE` seconds: whoever made or found one is
    about to read it, perhaps another process. Another may be doing the same: losing that race is fine."""
    aged = []
    for path in directory.glob(pattern):
        with contextlib.suppress(OSError):
            aged.append((path.stat().st_mtime, path))
    for when, path in sorted(aged, reverse=True)[count:]:
        if when < time.time() - IN_USE:
            with contextlib.suppress(OSError):
                path.unlink()
