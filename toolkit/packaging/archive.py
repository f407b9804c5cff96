"""Zip at the level of its records, so that equal content gives equal bytes and compressed members can be copied.

`zipfile` cannot copy a member without compressing it again, and stamps clock and mode. Written here: local headers,
data, central directory, end record; names sorted, date 1980-01-01, mode 0644, no extra fields. Any reader takes it
(`python -m zipfile -t`, `unzip -t`, zipimport). Not written: zip64, encryption, folders.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from toolkit.domain.errors import Corrupt, PlanError

LEVEL = 4
STORED, DEFLATED = 0, 8
MAX_ENTRIES, MAX_BYTES = 0xFFFF, 0xFFFFFFFF
_DATE = 0x21  # 1980-01-01, the first day a zip can tell; the time is 0
_UNIX, _MODE, _VERSION = 3, 0o100644, 20
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")

Content = bytes | Path

# what zipfile lets escape for damaged bytes
DAMAGED: tuple[type[Exception], ...] = (
    zipfile.BadZipFile, struct.error, zlib.error, ValueError, IndexError, EOFError, NotImplementedError, RuntimeError,
    OverflowError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One file as it lies in a zip: `packed` is its data (raw deflate, or as it is), `size` what it unpacks to."""

    name: str
    method: int
    crc: int
    size: int
    packed: bytes | memoryview

    def data(self) -> bytes:
        """The content again. Raises Corrupt if it is not what its checksum says."""
        try:
            data = zlib.decompress(self.packed, -15) if self.method == DEFLATED else bytes(self.packed)
        except zlib.error as error:
            raise Corrupt(f"{self.name} does not decompress: {error}") from error
        if zlib.crc32(data) != self.crc:
            raise Corrupt(f"{self.name} is not what its checksum says")
        return data


@dataclass(frozen=True, slots=True)
class Written:
    digest: str
    size: int


def pack(name: str, content: Content, level: int = LEVEL) -> Member:
    """Compress one file; what does not get smaller is stored. Level 0 stores everything."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    crc = zlib.crc32(data)
    if level:
        deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
        packed = deflate.compress(data) + deflate.flush()
        if len(packed) < len(data):
            return Member(name, DEFLATED, crc, len(data), packed)
    return Member(name, STORED, crc, len(data), data)


def pack_all(files: Mapping[str, Content], level: int = LEVEL) -> list[Member]:
    """Compress many, on every core (zlib lets go of the interpreter lock), the largest first."""
    by_size = sorted(files.items(), key=lambda item: (-_size(item[1]), item[0]))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda item: pack(item[0], item[1], level), by_size))


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def measure(members: Iterable[Member]) -> Written:
    """Digest and size of the zip that `write` would write. Raises PlanError for more than a plain zip can hold."""
    state, size = hashlib.sha256(), 0
    for chunk in _chunks(members):
        state.update(chunk)
        size += len(chunk)
    return Written(state.hexdigest(), size)


def write(path: Path, members: Iterable[Member]) -> None:
    with path.open("wb") as stream:
        stream.writelines(_chunks(members))


def to_bytes(members: Iterable[Member]) -> bytes:
    return b"".join(_chunks(members))


def _chunks(members: Iterable[Member]) -> Iterator[bytes | memoryview]:
    """The zip in order. ValueError where a name occurs twice."""
    ordered = sorted(members, key=lambda member: member.name.encode())
    if len({member.name for member in ordered}) != len(ordered):
        raise ValueError("a name occurs twice")
    central, offset = [], 0
    for member in ordered:
        name = member.name.encode()
        flags = 0 if name.isascii() else 0x800
        shared = (_VERSION, flags, member.method, 0, _DATE, member.crc, len(member.packed), member.size, len(name), 0)
        yield _LOCAL.pack(b"PK\3\4", *shared) + name
        yield member.packed
        central.append(
            _CENTRAL.pack(b"PK\1\2", _UNIX << 8 | _VERSION, *shared, 0, 0, 0, _MODE << 16, min(offset, MAX_BYTES))
            + name
        )
        offset += _LOCAL.size + len(name) + len(member.packed)
    directory = b"".join(central)
    if len(central) > MAX_ENTRIES - 1 or offset + len(directory) > MAX_BYTES:
        raise PlanError(f"{len(central)} files of {offset:,} bytes packed are more than a zip file holds")
    yield directory
    yield _END.pack(b"PK\5\6", 0, 0, len(central), len(central), len(directory), offset, 0)


def read(path: Path) -> dict[str, Member]:
    """Every member by name, still compressed. Raises Corrupt for what is not a whole zip (a cut file is noticed: the
    directory is at the end); contents are checked when they are unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        data = memoryview(path.read_bytes())
        return {entry.filename: _member(entry, data) for entry in entries}
    except DAMAGED as error:
        raise Corrupt(f"{path} is not a readable zip: {error}") from error


def _member(entry: zipfile.ZipInfo, data: memoryview) -> Member:
    *_, name_length, extra_length = _LOCAL.unpack_from(data, entry.header_offset)
    start = entry.header_offset + _LOCAL.size + name_length + extra_length
    packed = data[start : start + entry.compress_size]
    if len(packed) != entry.compress_size or entry.compress_type not in {STORED, DEFLATED}:
        raise zipfile.BadZipFile(f"{entry.filename} is cut off or packed in an unknown way")
    return Member(entry.filename, entry.compress_type, entry.CRC, entry.file_size, packed)
