"""Blob Storage as the bucket.

- Create is `If-None-Match: *`, Match is `If-Match`, each in one request: what fits into 8 MiB goes up whole, a larger
  file in blocks, with the condition on the request that makes a blob of them. A lost create is a 409 here
  (BlobAlreadyExists), a lost swap a 412, on a blob that is gone too.
- Who may create and not replace is told 403 of a blob that is there, whatever the condition, and may write no blocks:
  then a file of any size goes up in one request.
- The SDK retries nothing. 429 says that nothing was done, so that one is tried again here; any other doubt goes up,
  where it is resolved by operation id.
- An etag is another with every write, equal bytes or not, so no Match of long ago succeeds.
- A read is one request (`blob_requests`): its headers name etag, time and checksum (MD5, compared here). A file keeps
  the SHA-256 of the whole in its metadata, and a download is compared with it. Times have whole seconds.
- Listing goes on after a key by `startFrom` where the server knows it (Azurite does not: then the keys before it are
  read and left out).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from toolkit.adapters.azure import blob_words, transfer
from toolkit.adapters.azure.blob_requests import Requests
from toolkit.adapters.azure.blob_service import service
from toolkit.adapters.azure.client import again, reread
from toolkit.adapters.azure.errors import code_of, status_of, throttled, translated
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    ProviderError,
    Unavailable,
)
from toolkit.domain.names import check_key
from toolkit.ports import Settings
from toolkit.ports.store import OVERWRITE, Create, Match, Meta, Mode, Object, Store

T = TypeVar("T")
REPLACED = 5  # times that a file may be replaced while it is read
DISCARDED = "InvalidBlockList"  # another upload of the same key was committed first
MISMATCH = "AuthorizationPermissionMismatch"  # an assignment is missing; not the firewall
GONE = ("ContainerNotFound", "ContainerBeingDeleted")


def open_store(settings: Settings) -> Store:
    account, container, endpoint = settings["account"], settings["container"], settings["endpoint"]
    for name, value in (("account", account), ("container", container)):
        if not value:
            raise ConfigError(f"no {name} is set for the store on azure", hint=f'{name} = "..." in [targets.<t>.azure]')
    return BlobStore(account, container, settings["prefix"], endpoint=endpoint)


class BlobStore:
    """`single` is the size up to which a file goes up in one request, `block` that of the pieces of larger ones, bytes;
    `seconds` how long an answer is waited for."""

    def __init__(
        self,
        account: str,
        container: str,
        prefix: str,
        *,
        endpoint: str = "",
        single: int = transfer.SINGLE,
        block: int = transfer.BLOCK,
        seconds: float = 60.0,
    ) -> None:
        self._account, self._name = account, container
        self._base = f"{prefix}/" if prefix else ""
        self._container = service(account, endpoint, seconds).get_container_client(container)
        self._requests = Requests(account, container, endpoint, seconds)
        self._single, self._block = single, block

    def get(self, key: str) -> Object:
        def read() -> Object:
            with self._translated("read", key):
                reply = self._requests.get(self._base + key)
                data: bytes = reply.read()
                meta = blob_words.seen(key, reply)
            transfer.Stored(meta.size, "", reply.headers.get("Content-MD5", "")).check(
                len(data), "", transfer.md5(data), self.uri(key)
            )
            return Object(meta=meta, data=data)

        check_key(key)
        return self._found(lambda: again(read, reread))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        def read() -> bytes:
            with self._translated("read", key):
                reply = self._requests.get(self._base + key, start=start, end=start + length - 1)
                data: bytes = reply.read()
                blob_words.seen(key, reply)
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
        def look() -> Meta:
            with self._translated("look at", key):
                return blob_words.meta(key, self._blob(key).get_blob_properties())

        check_key(key)
        return self._found(lambda: again(look, reread))

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        return self._put(key, data, mode, None)

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        source = transfer.Source.of(path)
        metadata = {transfer.DIGEST: source.sha256}
        if source.size <= self._single:
            return self._put(key, source.read(0, source.size), mode, metadata)
        self._require(key, mode)  # the cheap way out; the condition on the blocks is what decides
        blob = self._blob(key)

        def send(block: str, data: bytes) -> None:
            def stage() -> None:
                with self._translated("write", key):
                    blob.stage_block(block, data, length=len(data), validate_content=True)

            again(stage, reread)  # the same block again is the same block

        try:
            ids = transfer.send_blocks(source, self._block, send)
        except PermissionDenied as error:
            if not isinstance(mode, Create) or code_of(error) != MISMATCH:
                raise
            return self._write(
                key, mode, source.size, lambda on: self._requests.create(self._base + key, source, metadata)
            )
        return self._write(
            key,
            mode,
            source.size,
            lambda on: blob.commit_block_list(
                blob_words.blocks(ids), metadata=metadata, content_settings=blob_words.settings(key), **on
            ),
        )

    def download(self, key: str, path: Path) -> Meta:
        def look() -> Any:
            with self._translated("look at", key):
                found = self._blob(key).get_blob_properties()
                blob_words.meta(key, found)
                return found

        check_key(key)
        for left in reversed(range(REPLACED)):
            found = self._found(lambda: again(look, reread))
            if self._fetch(key, found, path, last=not left):
                break
        return blob_words.meta(key, found)

    def _fetch(self, key: str, found: Any, path: Path, *, last: bool) -> bool:
        """False where the write that was looked at is gone: somebody wrote another."""
        md5 = found.content_settings.content_md5
        stored = transfer.Stored(found.size, (found.metadata or {}).get(transfer.DIGEST, ""), blob_words.digest(md5))

        def opened(start: int) -> Iterator[bytes]:
            chunks: Iterator[bytes] = self._requests.get(self._base + key, start=start, etag=found.etag).iter_raw()
            return chunks

        try:
            transfer.download(opened, stored, path, lambda: self._translated("read", key), self.uri(key))
        except (NotFound, PreconditionFailed) as error:
            if last:
                hint = "run the same command again"
                raise Unavailable(f"{self.uri(key)} was replaced while it was read", hint=hint) from error.__cause__
            return False
        return True

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        begin = self._base + after
        where: dict[str, Any] = {"name_starts_with": self._base + prefix, "results_per_page": 5000}
        if after and begin > self._base + prefix:
            where["start_from"] = begin
        pages = self._container.list_blobs(**where).by_page()
        while (page := again(lambda: self._page(pages, prefix), reread)) is not None:
            for blob in page:
                if not after or blob.name > begin:
                    yield blob_words.meta(blob.name.removeprefix(self._base), blob)

    def _page(self, pages: Any, prefix: str) -> tuple[Any, ...] | None:
        """The next page; None after the last. A page that failed is asked for again."""
        with self._translated("list", prefix):
            page = next(pages, None)
            return tuple(page) if page is not None else None

    def delete(self, key: str) -> None:
        check_key(key)
        try:
            with self._translated("delete", key):
                self._blob(key).delete_blob(delete_snapshots="include")
        except NotFound as error:
            self._require_container(error)

    def uri(self, key: str = "") -> str:
        path = self._base + check_key(key) if key else self._base.rstrip("/")
        return f"az://{self._account}/{self._name}/{path}".rstrip("/")

    def _put(self, key: str, data: bytes, mode: Mode, metadata: dict[str, str] | None) -> Meta:
        blob = self._blob(key)
        more = {"metadata": metadata, "content_settings": blob_words.settings(key), "validate_content": True}
        return self._write(
            key,
            mode,
            len(data),
            lambda on: blob.upload_blob(data, length=len(data), **more, **{"overwrite": True, **on}),
        )

    def _write(self, key: str, mode: Mode, size: int, send: Callable[[dict[str, Any]], Any]) -> Meta:
        """`send(condition)`; the condition's failure as the mode names it."""

        def write() -> Meta:
            with self._translated("write", key):
                return blob_words.written(key, size, send(blob_words.condition(mode)))

        try:
            return again(write, throttled)
        except NotFound as error:
            self._require_container(error)
            raise
        except PermissionDenied as error:
            if isinstance(mode, Create) and self._seen_there(key):
                raise AlreadyExists(f"{self.uri(key)} exists already") from error.__cause__
            raise
        except (AlreadyExists, PreconditionFailed) as error:
            if isinstance(mode, Create):
                raise AlreadyExists(f"{self.uri(key)} exists already") from error.__cause__
            if isinstance(mode, Match):
                raise self._another(key) from error.__cause__
            raise
        except ConfigError as error:
            if code_of(error) != DISCARDED:
                raise
            self._require(key, mode)
            hint = "run the same command again"
            raise Unavailable(f"{self.uri(key)} was written by somebody else meanwhile", hint=hint) from error.__cause__

    def _another(self, key: str) -> PreconditionFailed:
        return PreconditionFailed(f"{self.uri(key)} is not what was last seen")

    def _require(self, key: str, mode: Mode) -> None:
        """What `mode` asks for, as it looks now."""
        if mode == OVERWRITE:
            return
        seen = self._there(key)
        if isinstance(mode, Create) and seen:
            raise AlreadyExists(f"{self.uri(key)} exists already")
        if isinstance(mode, Match) and seen != mode.etag:
            raise self._another(key)

    def _there(self, key: str) -> str:
        """The etag of the blob, "" where there is none."""
        try:
            return self.head(key).etag
        except NotFound:
            return ""

    def _seen_there(self, key: str) -> bool:
        """Whether it is there, of who may not even read it: no."""
        try:
            return bool(self._there(key))
        except PermissionDenied:
            return False

    def _found(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except NotFound as error:
            self._require_container(error)
            raise

    def _require_container(self, error: Exception) -> None:
        """ConfigError where it is the container that is missing; the code says it, in a HEAD's answer too."""
        if code_of(error) in GONE:
            hint = f"toolkit bootstrap, or az storage container create -n {self._name} --account-name {self._account}"
            raise ConfigError(f"there is no container {self._name} in {self._account}", hint=hint) from error.__cause__

    def _blob(self, key: str) -> Any:
        return self._container.get_blob_client(self._base + key)

    def _translated(self, verb: str, key: str) -> AbstractContextManager[None]:
        return translated(f"{verb} az://{self._account}/{self._name}/{self._base}{key}", service="Microsoft.Storage")
