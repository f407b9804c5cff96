"""Files as one layer: a tar.gz whose bytes depend on names and contents only, kept in the cache by what it holds.

Every file belongs to root, has mode 0644 (0755 in a folder bin) and the image's one date; folders come before what is
in them. What has to be written by the container's own user is a folder given as such.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import struct
import tarfile
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import msgspec

from toolkit.domain import digest
from toolkit.domain.errors import ConfigError
from toolkit.packaging import archive, cache
from toolkit.packaging.archive import Member

FORMAT = 1  # raise it when the same content would now give other bytes
BLOCK = 4 * 1024**2  # bytes of one gzip member; 0.1 % larger than in one piece
AHEAD = 8  # blocks waiting to be written
KEPT = 24  # layers that stay in the user's cache
DEFAULT_EPOCH = 315_532_800  # 1980-01-01, the first day a zip can tell: the bundle's date too


@dataclass(frozen=True)
class Layer:
    """A built layer. `digest` names the tar.gz, `diff_id` the tar inside (both "sha256:..."); `size` in bytes."""

    path: Path
    digest: str
    diff_id: str
    size: int


@dataclass(frozen=True)
class Folder:
    """An empty folder; mode 0o1777 is one that everybody may write, as /tmp is."""

    name: str
    mode: int = 0o755


class _Noted(msgspec.Struct):
    digest: str
    diff_id: str


def epoch() -> int:
    """The date of everything in an image, in seconds: SOURCE_DATE_EPOCH, or 1980-01-01."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if text and not text.isdecimal():
        raise ConfigError(f"SOURCE_DATE_EPOCH is {text!r}: it is whole seconds since 1970")
    return int(text or DEFAULT_EPOCH)


def make(members: Mapping[str, Member], under: str, when: int, folders: Iterable[Folder] = ()) -> Layer:
    """The layer of `members` under the absolute folder `under`. Raises Corrupt (a damaged cache), StorageFull."""
    extra = tuple(folders)
    place = cache.folder("oci-layers")
    stem = place / _key(members, under, when, extra)
    path, note = stem.with_suffix(".tar.gz"), stem.with_suffix(".json")
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        noted = msgspec.json.decode(note.read_bytes(), type=_Noted)
        if f"sha256:{digest.of_file(path)}" == noted.digest:
            os.utime(path)  # used last: `keep_newest` goes by it
            return Layer(path, noted.digest, noted.diff_id, path.stat().st_size)
    with cache.placing(path) as part:
        with part.open("wb") as raw:
            diff_id = _write(raw, members, under, when, extra)
        packed = f"sha256:{digest.of_file(part)}"
    with cache.placing(note) as part:
        part.write_bytes(msgspec.json.encode(_Noted(packed, diff_id)))
    cache.keep_newest(place, "*.tar.gz", KEPT)
    return Layer(path, packed, diff_id, path.stat().st_size)


def _key(members: Mapping[str, Member], under: str, when: int, folders: tuple[Folder, ...]) -> str:
    held = [(name, digest.of_bytes(member.packed), member.method) for name, member in sorted(members.items())]
    named = [(folder.name, folder.mode) for folder in folders]
    return digest.of_value([FORMAT, archive.LEVEL, under, when, named, held])


class _Packed(io.RawIOBase):
    """Compresses what is written, on every core: a gzip file of several members, which every reader takes as one.

    The blocks are of one size whatever the machine, so that the bytes are the same on all. `digest` is that of what
    was written.
    """

    def __init__(self, to: BinaryIO, pool: ThreadPoolExecutor) -> None:
        self._to, self._pool, self._state = to, pool, hashlib.sha256()
        self._block = bytearray()
        self._pending: deque[Future[bytes]] = deque()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._state.update(data)
        self._block += data
        while len(self._block) >= BLOCK:
            self._submit(BLOCK)
        return len(data)

    def finish(self) -> None:
        if self._block:
            self._submit(len(self._block))
        while self._pending:
            self._to.write(self._pending.popleft().result())

    def _submit(self, size: int) -> None:
        self._pending.append(self._pool.submit(_member, bytes(self._block[:size])))
        del self._block[:size]
        while len(self._pending) > AHEAD:
            self._to.write(self._pending.popleft().result())

    @property
    def digest(self) -> str:
        return f"sha256:{self._state.hexdigest()}"


def _member(data: bytes) -> bytes:
    """One gzip member without name and date; the system is "unknown", so that it is the same on all."""
    deflate = zlib.compressobj(archive.LEVEL, zlib.DEFLATED, -15)
    packed = deflate.compress(data) + deflate.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + packed + struct.pack("<2L", zlib.crc32(data), len(data))


def _write(raw: BinaryIO, members: Mapping[str, Member], under: str, when: int, folders: tuple[Folder, ...]) -> str:
    """Write the tar.gz; the digest of the tar."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        packed = _Packed(raw, pool)
        with tarfile.open(fileobj=packed, mode="w|", bufsize=1 << 20, format=tarfile.PAX_FORMAT) as tar:
            files = {f"{under.strip('/')}/{name}": member for name, member in members.items()}
            modes = {folder.name.strip("/"): folder.mode for folder in folders}
            for name in sorted({*files, *modes, *_above([*files, *modes])}):
                _add(tar, name, files.get(name), modes.get(name, 0o755), when)
        packed.finish()
    return packed.digest


def _above(names: Iterable[str]) -> set[str]:
    return {parent.as_posix() for name in names for parent in PurePosixPath(name).parents} - {"."}


def _add(tar: tarfile.TarFile, name: str, member: Member | None, mode: int, when: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = when, 0, 0, "", ""
    if member is None:
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        tar.addfile(entry)
    else:
        data = member.data()
        entry.size, entry.mode = len(data), 0o644
        if "/bin/" in name:  # programs that packages bring, uv among them
            entry.mode = 0o755
        tar.addfile(entry, io.BytesIO(data))
