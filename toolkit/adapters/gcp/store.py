"""Cloud Storage as the bucket.

- Create and Match are generation preconditions (0, and the generation last seen), each in one request: what fits into
  8 MiB goes up whole, a larger file in a resumable session that carries the precondition from its beginning to its end.
- The SDK retries nothing that writes. 429 says that nothing was done (one object takes about one write a second), so
  that one is tried again here; any other doubt goes up, where it is resolved by operation id.
- An etag is the generation: every write has another, equal bytes or not, so no Match of long ago succeeds.
- A read is one request: its headers name the generation, the time and the checksum (CRC32C, compared here). Times have
  whole seconds, which is what a read is told.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from toolkit.adapters.gcp import transfer
from toolkit.adapters.gcp.client import SECONDS, again, decoded, reread, storage
from toolkit.adapters.gcp.errors import Refusal, status_of, throttled, translated
from toolkit.domain import times
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    Corrupt,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    ProviderError,
    ToolkitError,
    Unavailable,
)
from toolkit.domain.names import check_key
from toolkit.execution.large_files import Source
from toolkit.ports import Settings
from toolkit.ports.store import OVERWRITE, Create, Match, Meta, Mode, Object, Store

T = TypeVar("T")
GOOGLE = "https://storage.googleapis.com"
REPLACED = 5  # times that a file may be replaced while it is read
FIELDS = "nextPageToken,items(name,size,generation,updated)"


def open_store(settings: Settings) -> Store:
    bucket, endpoint = settings["bucket"], settings["endpoint"]
    if not bucket:
        raise ConfigError("no bucket is set for the store on gcp", hint='bucket = "..." in [targets.<t>.gcp]')
    return GcsStore(bucket, settings["prefix"], client=storage(settings["project"], endpoint), endpoint=endpoint)


class GcsStore:
    """`single` is the size up to which a file goes up in one request, bytes."""

    def __init__(
        self, bucket: str, prefix: str, *, client: Any, endpoint: str = "", single: int = transfer.SINGLE
    ) -> None:
        self._name = bucket
        self._base = f"{prefix}/" if prefix else ""
        self._client = client
        self._bucket = client.bucket(bucket)
        self._media = f"{endpoint or GOOGLE}/storage/v1/b/{bucket}/o/"
        self._single = single
        self._met = False  # whether the bucket has been seen to exist

    def get(self, key: str) -> Object:
        def read() -> Object:
            with self._translated("read", key):
                reply = self._open(key)
                _check(reply, self.uri(key))
                return Object(meta=_seen(key, reply, len(reply.content)), data=reply.content)

        check_key(key)
        return self._found(lambda: again(read, reread))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        def read() -> bytes:
            with self._translated("read", key):
                data: bytes = self._open(key, start=start, end=start + length - 1).content
                return data

        check_key(key)
        if length < 1:
            self.head(key)
            return b""
        try:
            return self._found(lambda: again(read, reread))
        except ProviderError as error:
            if status_of(error) == 416:  # past the end
                return b""
            raise

    def head(self, key: str) -> Meta:
        check_key(key)
        return _meta(key, self._found(lambda: again(lambda: self._reloaded(key), reread)))

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)

        def send(blob: Any, on: dict[str, int]) -> None:
            blob.upload_from_string(data, content_type=_type(key), retry=None, checksum="crc32c", **on)

        return self._write(key, mode, send)

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        source = Source.of(path)

        def send(blob: Any, on: dict[str, int]) -> None:
            blob.metadata = {transfer.DIGEST: source.sha256}
            blob.chunk_size = transfer.PIECE if source.size > self._single else None
            with transfer.Unchanged(source) as stream:
                blob.upload_from_file(
                    stream,
                    size=source.size if source.size <= self._single else None,
                    content_type=_type(key),
                    retry=None,
                    checksum="crc32c",
                    **on,
                )

        if source.size > self._single:
            self._require(key, mode)  # the cheap way out; the condition on the upload is what decides
        return self._write(key, mode, send)

    def download(self, key: str, path: Path) -> Meta:
        check_key(key)
        for left in reversed(range(REPLACED)):
            blob = self._found(lambda: again(lambda: self._reloaded(key), reread))
            if self._fetch(key, blob, path, last=not left):
                break
        return _meta(key, blob)

    def _fetch(self, key: str, blob: Any, path: Path, *, last: bool) -> bool:
        """False where the generation that was looked at is gone: somebody wrote another."""
        generation = str(blob.generation)
        stored = transfer.Stored(generation, blob.size, (blob.metadata or {}).get(transfer.DIGEST, ""))

        def opened(start: int) -> Any:
            return self._open(key, stream=True, start=start, generation=generation)

        try:
            transfer.download(opened, stored, path, lambda: self._translated("read", key), self.uri(key))
        except NotFound as error:
            if last:
                hint = "run the same command again"
                raise Unavailable(f"{self.uri(key)} was replaced while it was read", hint=hint) from error.__cause__
            return False
        return True

    def _reloaded(self, key: str) -> Any:
        blob = self._blob(key)
        with self._translated("look at", key):
            blob.reload(retry=None)
        return blob

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        begin, token = self._base + after, ""
        while True:
            page = self._page({"prefix": self._base + prefix, "startOffset": begin, "pageToken": token})
            for item in page.get("items", ()):
                if item["name"] != begin:  # the offset itself is included
                    yield _listed(item["name"].removeprefix(self._base), item)
            if not (token := page.get("nextPageToken", "")):
                return

    def _page(self, asked: dict[str, str]) -> dict[str, Any]:
        """Without the SDK, whose own patience is two minutes."""

        def read() -> dict[str, Any]:
            with self._translated("list", asked["prefix"].removeprefix(self._base)):
                query = {name: value for name, value in asked.items() if value} | {"fields": FIELDS}
                return decoded(self._client._http.get(self._media.rstrip("/"), params=query, timeout=SECONDS))

        return again(read, reread)

    def delete(self, key: str) -> None:
        check_key(key)
        try:
            with self._translated("delete", key):
                self._blob(key).delete(retry=None)
        except NotFound:
            self._require_bucket()

    def uri(self, key: str = "") -> str:
        path = self._base + check_key(key) if key else self._base.rstrip("/")
        return f"gs://{self._name}/{path}".rstrip("/")

    def _write(self, key: str, mode: Mode, send: Callable[[Any, dict[str, int]], None]) -> Meta:
        """`send(blob, condition)`; the condition's failure as the mode names it."""
        on = self._condition(key, mode)
        blob = self._blob(key)

        def write() -> Meta:
            with self._translated("write", key):
                send(blob, on)
            return _meta(key, blob)

        try:
            return again(write, throttled)
        except (PreconditionFailed, NotFound, PermissionDenied) as error:
            if isinstance(error, NotFound):
                self._require_bucket()
            elif isinstance(error, PermissionDenied):
                # Who may create and not overwrite (the journal) may be told so before the condition is looked at.
                if isinstance(mode, Create) and self._there(key):
                    raise AlreadyExists(f"{self.uri(key)} exists already") from error.__cause__
            elif isinstance(mode, Create):
                raise AlreadyExists(f"{self.uri(key)} exists already") from error.__cause__
            elif isinstance(mode, Match):
                raise self._another(key) from error.__cause__
            raise

    def _condition(self, key: str, mode: Mode) -> dict[str, int]:
        if isinstance(mode, Match):
            if not mode.etag.isdecimal():
                raise self._another(key)
            return {"if_generation_match": int(mode.etag)}
        return {"if_generation_match": 0} if isinstance(mode, Create) else {}

    def _another(self, key: str) -> PreconditionFailed:
        return PreconditionFailed(f"{self.uri(key)} is not what was last seen")

    def _require(self, key: str, mode: Mode) -> None:
        """What `mode` asks for, as it looks now."""
        if mode == OVERWRITE:
            return
        try:
            seen = self.head(key).etag
        except NotFound:
            seen = ""
        if isinstance(mode, Create) and seen:
            raise AlreadyExists(f"{self.uri(key)} exists already")
        if isinstance(mode, Match) and seen != mode.etag:
            raise self._another(key)

    def _there(self, key: str) -> bool:
        try:
            self.head(key)
        except ToolkitError:
            return False
        return True

    def _found(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except NotFound:
            self._require_bucket()
            raise

    def _require_bucket(self) -> None:
        """A 404 does not say whether it is the object or the bucket that is missing."""
        if not self._met:
            try:
                with self._translated("find the bucket of", ""):
                    next(iter(self._client.list_blobs(self._name, max_results=1)), None)
            except NotFound as error:
                hint = f"gcloud storage buckets create gs://{self._name}, or correct bucket in [targets.<t>.gcp]"
                raise ConfigError(f"there is no bucket {self._name}", hint=hint) from error.__cause__
            self._met = True

    def _open(self, key: str, *, stream: bool = False, start: int = 0, end: int = -1, generation: str = "") -> Any:
        """The reply of a media GET. Raises Refusal."""
        headers = {"Accept-Encoding": "identity"}  # as it was stored
        if start or end >= 0:
            headers["Range"] = f"bytes={start}-{end if end >= 0 else ''}"
        query = {"alt": "media", **({"generation": generation} if generation else {})}
        url = self._media + quote(self._base + key, safe="")
        reply = self._client._http.get(url, params=query, headers=headers, stream=stream, timeout=SECONDS)
        if reply.status_code >= 400:
            text = reply.text
            raise Refusal.of(reply.status_code, None, text if len(text) < 300 else "")
        return reply

    def _blob(self, key: str) -> Any:
        return self._bucket.blob(self._base + key)

    def _translated(self, verb: str, key: str) -> AbstractContextManager[None]:
        return translated(f"{verb} gs://{self._name}/{self._base}{key}", service="storage.googleapis.com")


def _check(reply: Any, uri: str) -> None:
    """Corrupt where what arrived is not what the server says it has."""
    import google_crc32c

    said = dict(part.strip().partition("=")[::2] for part in reply.headers.get("X-Goog-Hash", "").split(","))
    found = base64.b64encode(google_crc32c.Checksum(reply.content).digest()).decode()
    if said.get("crc32c", found) != found:
        raise Corrupt(f"{uri} did not arrive as it is: its CRC32C is another", hint="run the same command again")


def _type(key: str) -> str:
    """A page is opened by a browser, not downloaded."""
    return "text/html; charset=utf-8" if key.endswith(".html") else "application/octet-stream"


def _seen(key: str, reply: Any, size: int) -> Meta:
    modified = parsedate_to_datetime(reply.headers["Last-Modified"])
    return Meta(key=key, size=size, etag=reply.headers["X-Goog-Generation"], modified=times.text(modified))


def _listed(key: str, item: dict[str, Any]) -> Meta:
    modified = datetime.fromisoformat(item["updated"]).replace(microsecond=0)
    return Meta(key=key, size=int(item["size"]), etag=str(item["generation"]), modified=times.text(modified))


def _meta(key: str, blob: Any) -> Meta:
    modified = blob.updated.replace(microsecond=0)
    return Meta(key=key, size=blob.size, etag=str(blob.generation), modified=times.text(modified))
