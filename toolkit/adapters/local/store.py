"""A folder as a bucket: the key is the path, so that a copied bucket opens as it lies.

A write goes to a temporary file, is synced, and becomes visible by one call: `link` for Create (fails when the name is
taken: of many processes one wins, with no lock that a stopped process could hold), `rename` for the others. Overwrite,
Match and delete of one key take a lock (one of 256 files), since compare-and-rename is two calls. An object's inode
is never changed once visible, so a reader sees one whole write.

Opened inside functions: standard library and msgspec only. Needs a file system with nanosecond times.
"""

# Plain strings and os: this runs on every store call, also inside functions.
# ruff: noqa: PTH103, PTH104, PTH108, PTH110, PTH112, PTH113, PTH120, PTH123

from __future__ import annotations

import errno
import fcntl
import os
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from toolkit.adapters.local.layout import Layout, sync_folder
from toolkit.domain import times
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    StorageFull,
    ToolkitError,
    Unavailable,
)
from toolkit.domain.names import check_key
from toolkit.ports import Settings
from toolkit.ports.store import OVERWRITE, Create, Match, Meta, Mode, Object, Store

WORK = ".toolkit-store"  # temporary and lock files; no key begins with a dot
STALE_SECONDS = 3600.0  # a temporary file that nobody has written to for this long belongs to a dead process
LOCK_SECONDS = 30.0
COPY = 1 << 20

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def open_store(settings: Settings) -> Store:
    """`settings["store"]` is the absolute folder; it is made by the first write."""
    root = Path(settings["store"])
    if not root.is_absolute():
        raise ConfigError(f"store folder {str(root)!r} is not absolute")
    return LocalStore(root)


class LocalStore:
    def __init__(self, root: Path) -> None:
        self._top = str(root)
        self._work = f"{root}/{WORK}"
        self._layout = Layout(str(root))
        self._swept = False

    def get(self, key: str) -> Object:
        with self._open(key) as stream:
            meta = _meta(key, os.fstat(stream.fileno()))
            return Object(meta=meta, data=stream.read())

    def get_range(self, key: str, start: int, length: int) -> bytes:
        with self._open(key) as stream:
            stream.seek(start)
            return stream.read(length)

    def head(self, key: str) -> Meta:
        check_key(key)
        with self._translated(f"read {key}"):
            found = self._layout.find(key)
        if found is None:
            raise NotFound(f"no object {key} in {self._top}")
        return _meta(key, found[1])

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        return self._write(key, lambda stream: stream.write(data), mode)

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        try:
            source = path.open("rb")
        except OSError as error:
            kind = PermissionDenied if error.errno in _DENIED else NotFound
            raise kind(f"cannot read {path}: {error.strerror}") from error
        with source:
            return self._write(key, lambda stream: _copied(source, stream), mode)

    def download(self, key: str, path: Path) -> Meta:
        with self._open(key) as source, self._translated(f"write {path}"):
            part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
            try:
                with part.open("xb") as stream:
                    _copied(source, stream)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
            return _meta(key, os.fstat(source.fileno()))

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        with self._translated(f"list {prefix or 'keys'}"):
            for key, status in self._layout.walk(prefix, after):
                yield _meta(key, status)

    def delete(self, key: str) -> None:
        check_key(key)
        with self._translated(f"delete {key}"):
            if self._layout.find(key) is None:
                return
            with self._locked(key):
                found = self._layout.find(key)
                if found is not None:
                    os.unlink(found[0])
                    sync_folder(os.path.dirname(found[0]))
                    self._layout.prune(os.path.dirname(found[0]))

    def uri(self, key: str = "") -> str:
        if not key:
            return Path(self._top).as_uri()
        found = self._layout.find(check_key(key))
        return Path(found[0] if found else f"{self._top}/{key}").as_uri()

    def _write(self, key: str, fill: Callable[[BinaryIO], object], mode: Mode) -> Meta:
        check_key(key)
        with self._translated(f"write {key}"):
            if isinstance(mode, Create) and self._layout.find(key) is not None:
                raise self._taken(key)  # the cheap way out; the link below is what decides
            stream = self._temporary()
            try:
                with stream:
                    fill(stream)
                    stream.flush()
                    # The time is part of the etag: set to the nanosecond, since the kernel's own stamps are coarse.
                    now = time.time_ns()
                    os.utime(stream.fileno(), ns=(now, now))
                    os.fsync(stream.fileno())
                    meta = _meta(key, os.fstat(stream.fileno()))
                publish = self._create if isinstance(mode, Create) else self._replace
                sync_folder(publish(key, stream.name, mode))
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(stream.name)
        return meta

    def _create(self, key: str, temporary: str, mode: Mode) -> str:
        """Link the file to its name; the folder it is in. AlreadyExists."""
        parent, _, leaf = key.rpartition("/")
        while True:
            try:
                folder = self._layout.make_folder(parent)
                path = f"{folder}/{leaf}"
                taken = os.path.isfile(f"{path}~")
                if not taken:
                    os.link(temporary, f"{path}~" if os.path.isdir(path) else path)
                    return folder
            except FileNotFoundError:
                if not os.path.exists(temporary):
                    raise
                continue  # a delete pruned the folder in between: make it again
            except FileExistsError:
                taken = not os.path.isdir(path)  # a folder that came between look and link is no object
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                return self._replace(key, temporary, mode)
            if taken:
                raise self._taken(key)

    def _replace(self, key: str, temporary: str, mode: Mode) -> str:
        """Rename the file to its name under the lock, once `mode` allows it; the folder it is in.

        Also does Create where the file system has no hard links.
        """
        parent, _, leaf = key.rpartition("/")
        with self._locked(key):
            while True:
                found = self._layout.find(key)
                if isinstance(mode, Create) and found is not None:
                    raise self._taken(key)
                if isinstance(mode, Match) and (found is None or _etag(found[1]) != mode.etag):
                    raise PreconditionFailed(f"{key} in {self._top} is not what was last seen")
                try:
                    path = found[0] if found else f"{self._layout.make_folder(parent)}/{leaf}"
                    os.rename(temporary, path + "~" * (found is None and os.path.isdir(path)))
                    return os.path.dirname(path)
                except (FileNotFoundError, IsADirectoryError):
                    if not os.path.exists(temporary):
                        raise

    def _temporary(self) -> BinaryIO:
        """A new file of our own; on a handle's first write, what dead processes left is cleared."""
        folder = f"{self._work}/parts"
        if not self._swept:
            self._make(folder)
            horizon = time.time() - STALE_SECONDS
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):
                        if entry.stat().st_mtime < horizon:
                            os.unlink(entry.path)
            self._swept = True
        path = f"{folder}/{uuid.uuid4().hex}"
        try:
            return open(path, "xb")
        except FileNotFoundError:  # someone emptied the bucket under an open handle
            self._make(folder)
            return open(path, "xb")

    def _make(self, folder: str) -> None:
        try:
            os.makedirs(folder, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ConfigError(f"store folder {self._top} is not a folder", hint=f"ls -ld {self._top}") from error

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        """Exclusive among all processes for this key's lock file; Unavailable when a stopped process holds it."""
        folder = f"{self._work}/locks"
        self._make(folder)
        descriptor = os.open(f"{folder}/{zlib.crc32(key.encode()) & 0xFF:02x}", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            deadline, pause = time.monotonic() + LOCK_SECONDS, 0.0005
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        message = f"cannot write {key} in {self._top}: another process holds its lock"
                        raise Unavailable(message, hint="toolkit status") from error
                    time.sleep(pause)
                    pause = min(pause * 2, 0.02)
            yield
        finally:
            os.close(descriptor)

    def _open(self, key: str) -> BinaryIO:
        check_key(key)
        with self._translated(f"read {key}"):
            plain = f"{self._top}/{key}"
            try:
                return open(plain, "rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                found = self._layout.find(key)
                if found is None:
                    raise NotFound(f"no object {key} in {self._top}") from error
                return open(found[0], "rb")

    def _taken(self, key: str) -> AlreadyExists:
        return AlreadyExists(f"{key} exists already in {self._top}")

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except ToolkitError:
            raise
        except OSError as error:
            message = f"cannot {what} in {self._top}: {error.strerror or error}"
            if error.errno in _FULL:
                raise StorageFull(message, hint=f"free some space: df -h {self._top}") from error
            if error.errno in _DENIED:
                raise PermissionDenied(message, hint=f"ls -ld {self._top}") from error
            if error.errno in _ABSENT:
                raise NotFound(message) from error
            raise Unavailable(message) from error


def _etag(status: os.stat_result) -> str:
    """Unique for a write, not for its content: the same bytes written again are another write."""
    return f"{status.st_mtime_ns:x}-{status.st_ino:x}"


def _meta(key: str, status: os.stat_result) -> Meta:
    modified = times.text(_EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000))
    return Meta(key=key, size=status.st_size, etag=_etag(status), modified=modified)


def _copied(source: BinaryIO, stream: BinaryIO) -> None:
    import shutil  # with its compressors it would be 2 ms of every cold start

    shutil.copyfileobj(source, stream, COPY)
