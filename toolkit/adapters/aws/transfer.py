"""Files of any size in bounded memory: up in parts, down in one stream that goes on where it broke off."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from toolkit.adapters.aws.errors import torn
from toolkit.domain.errors import Corrupt, PreconditionFailed, ToolkitError, Unavailable
from toolkit.execution import large_files

PART = 16 * 1024**2  # bytes; a file up to this size goes up in one request
MOST_PARTS = 10_000
AT_ONCE = 4  # parts in memory
CHUNK = 1024**2
DIGEST = "sha256"  # the metadata that holds the whole file's
RESUMES = 5

Translated = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class Source(large_files.Source):
    part: int  # bytes

    @classmethod
    def of(cls, path: Path, part: int = PART) -> Self:
        """NotFound or PermissionDenied where it cannot be read."""
        seen = large_files.Source.of(path)
        least = math.ceil(seen.size / MOST_PARTS)
        return cls(seen.path, seen.size, seen.changed, seen.sha256, max(part, least))


class Parts:
    """A file's parts, sent on entering; `all` is what completes them. Left with an error that leaves no doubt, they are
    cleared away; with an unknown outcome nothing is touched (the bucket's lifecycle rule clears stale parts)."""

    def __init__(
        self, client: Any, at: dict[str, str], source: Source, metadata: dict[str, str], translated: Translated
    ) -> None:
        self._client = client
        self._at = at
        self._source = source
        self._metadata = metadata
        self._translated = translated
        self.all: dict[str, Any] = {}

    def __enter__(self) -> Parts:
        with self._translated():
            begun = self._client.create_multipart_upload(
                **self._at, ChecksumAlgorithm="SHA256", Metadata=self._metadata
            )
        self.all = {**self._at, "UploadId": begun["UploadId"]}
        numbers = range(1, math.ceil(self._source.size / self._source.part) + 1)
        pool = ThreadPoolExecutor(AT_ONCE, "upload")
        try:
            sent = list(pool.map(self._send, numbers))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            self._abort()
            raise
        pool.shutdown()
        self.all["MultipartUpload"] = {"Parts": sent}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, ToolkitError) and not isinstance(error, Unavailable):
            self._abort()

    def _send(self, number: int) -> dict[str, Any]:
        start = (number - 1) * self._source.part
        data = self._source.read(start, min(self._source.part, self._source.size - start))
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        where = {**self._at, "UploadId": self.all["UploadId"], "PartNumber": number}
        with self._translated():
            reply = self._client.upload_part(**where, Body=data, ChecksumSHA256=digest)
        return {"PartNumber": number, "ETag": reply["ETag"], "ChecksumSHA256": digest}

    def _abort(self) -> None:
        with suppress(ToolkitError), self._translated():
            self._client.abort_multipart_upload(**self._at, UploadId=self.all["UploadId"])


def download(opened: Callable[..., Any], path: Path, translated: Translated, uri: str) -> Any:
    """Write what `opened(**more)` (a GetObject) gives to `path`, replaced atomically; its reply. Corrupt when it is
    not the file that went up, Unavailable when it was replaced meanwhile or broke off too often."""
    with large_files.arriving(path) as stream:
        return _fill(stream, opened, translated, uri)


def _fill(stream: BinaryIO, opened: Callable[..., Any], translated: Translated, uri: str) -> Any:
    digest = hashlib.sha256()
    with translated():
        reply = first = opened()
    for resumes in range(RESUMES + 1):
        try:
            with translated():
                for chunk in reply["Body"].iter_chunks(CHUNK):
                    digest.update(chunk)
                    stream.write(chunk)
            break
        except ToolkitError as error:
            if resumes == RESUMES or isinstance(error, Corrupt) or not torn(error):
                raise
        reply = _resume(opened, translated, first["ETag"], stream.tell(), uri)
    expected = first["Metadata"].get(DIGEST) or digest.hexdigest()
    if stream.tell() != first["ContentLength"] or digest.hexdigest() != expected:
        raise Corrupt(f"{uri} is not the file that was uploaded: its SHA-256 is another")
    return first


def _resume(opened: Callable[..., Any], translated: Translated, etag: str, start: int, uri: str) -> Any:
    try:
        with translated():
            return opened(IfMatch=etag, Range=f"bytes={start}-")
    except PreconditionFailed as error:
        raise Unavailable(f"{uri} was replaced while it was read", hint="run the same command again") from error
