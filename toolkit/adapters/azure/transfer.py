"""Files of any size in bounded memory: up in blocks, down in one stream that goes on where it broke off."""

from __future__ import annotations

import base64
import hashlib
import math
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from toolkit.adapters.azure.errors import torn
from toolkit.domain.errors import Corrupt, ToolkitError
from toolkit.execution import files, large_files

SINGLE = 8 * 1024**2  # bytes; a file up to this size goes up in one request
BLOCK = 8 * 1024**2  # bytes
MOST_BLOCKS = 50_000
AT_ONCE = 4  # blocks in memory
DIGEST = "sha256"  # the metadata that holds the whole file's
RESUMES = 5

Translated = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Source(large_files.Source):
    def md5(self) -> str:
        """As Azure's headers have it."""
        with files.translated(f"read {self.path}"), self.path.open("rb") as stream:
            return base64.b64encode(hashlib.file_digest(stream, _md5).digest()).decode()


class Whole:
    """A source as the one body of a request."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0

    def __len__(self) -> int:
        return self._source.size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(BLOCK):
            yield data

    def read(self, size: int = BLOCK) -> bytes:
        """The next piece. DataError if the file is not what it was."""
        length = min(size, self._source.size - self._at)
        data = self._source.read(self._at, length) if length else b""
        self._at += length
        return data


def send_blocks(source: Source, block: int, send: Callable[[str, bytes], None]) -> list[str]:
    """`send(id, data)` for every block of `block` bytes, some at once; the ids in order. Blocks that are never
    committed are no blob, and Azure drops them after a week. Another uploader of the same key has other ids."""
    size = max(block, math.ceil(source.size / MOST_BLOCKS))
    own = uuid.uuid4().hex
    ids = [base64.b64encode(f"{own}-{n:05}".encode()).decode() for n in range(math.ceil(source.size / size))]

    def one(number: int) -> None:
        start = number * size
        send(ids[number], source.read(start, min(size, source.size - start)))

    with ThreadPoolExecutor(AT_ONCE, "upload") as pool:
        try:
            list(pool.map(one, range(len(ids))))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return ids


@dataclass(frozen=True)
class Stored:
    """One write of a blob; `sha256` is "" where it did not go up as a file, `md5` (base64) where Azure has none."""

    size: int
    sha256: str
    md5: str

    def check(self, size: int, sha256: str, md5: str, uri: str) -> None:
        """Corrupt where what came is not this."""
        if size != self.size or (self.sha256 or sha256) != sha256 or (self.md5 or md5) != md5:
            name = "SHA-256" if self.sha256 else "MD5"
            raise Corrupt(f"{uri} is not what was uploaded: its {name} is another", hint="run the same command again")


def md5(data: bytes) -> str:
    """As Azure's headers have it."""
    return base64.b64encode(_md5(data).digest()).decode()


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)


def download(
    opened: Callable[[int], Iterator[bytes]], stored: Stored, path: Path, translated: Translated, uri: str
) -> None:
    """Write what `opened(start)` gives to `path`, replaced atomically. Corrupt when it is not the file that went up."""
    with large_files.arriving(path) as stream:
        _fill(stream, opened, stored, translated, uri)


def _fill(
    stream: BinaryIO, opened: Callable[[int], Iterator[bytes]], stored: Stored, translated: Translated, uri: str
) -> None:
    """A reply that ends short is one that broke off, whether it says so or not: in its headers, it does not."""
    whole, short = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for resumes in range(RESUMES + 1):
        if stream.tell() >= stored.size:
            break
        try:
            with translated():
                for chunk in opened(stream.tell()):
                    whole.update(chunk)
                    short.update(chunk)
                    stream.write(chunk)
        except ToolkitError as error:
            if resumes == RESUMES or not torn(error):
                raise
    stored.check(stream.tell(), whole.hexdigest(), base64.b64encode(short.digest()).decode(), uri)
