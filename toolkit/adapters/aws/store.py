"""S3, or any server that speaks it and honours preconditions, as the bucket.

- Create is `If-None-Match: *`, Match is `If-Match`, each in one request (large files: on the request that completes the
  upload). Nothing conditional is ever retried by the SDK; S3's 409 says that nothing was done, so that one is tried
  again here. A server that ignores preconditions must not hold state: `toolkit doctor` finds out.
- An etag of S3 is a hash of the content: who puts back the same bytes puts back the same etag, and a Match of long ago
  succeeds. That is harmless here, since everything that is swapped carries a nonce and so is never the same bytes.
- S3 answers a write without the time it gave it, so a write is followed by a HEAD; if that fails, the written object is
  no less written, and the time is that of the answer.
- What is sent carries its SHA-256, which S3 checks. A file keeps the SHA-256 of the whole in its metadata, and a
  download is compared with it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

from toolkit.adapters.aws import listing, transfer
from toolkit.adapters.aws.client import again, client
from toolkit.adapters.aws.errors import code, refused_for_now, torn, translated
from toolkit.adapters.aws.whole import broken_off
from toolkit.domain import times
from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    NotFound,
    PreconditionFailed,
    ProviderError,
)
from toolkit.domain.names import check_key
from toolkit.ports import Settings
from toolkit.ports.store import OVERWRITE, Create, Match, Meta, Mode, Object, Store

WORDLESS = frozenset({"400", "403"})  # a HEAD has no body to say why: the same asked as a GET has


def open_store(settings: Settings) -> Store:
    bucket, region, endpoint = settings["bucket"], settings["region"], settings["endpoint"]
    if not bucket:
        raise ConfigError("no bucket is set for the store on aws", hint='bucket = "..." in [targets.<t>.aws]')
    return S3Store(
        bucket,
        settings["prefix"],
        reads=client("s3", region, endpoint),
        writes=client("s3", region, endpoint, retries=False),
        folders=settings.get("listing") == "folders",
    )


class S3Store:
    """`reads` retries, `writes` does not. `part` is the size from which a file goes up in parts of that size, bytes
    (S3: 5 MiB to 5 GiB); `folders` says that the server lists folder by folder."""

    def __init__(
        self, bucket: str, prefix: str, *, reads: Any, writes: Any, part: int = transfer.PART, folders: bool = False
    ) -> None:
        self._bucket = bucket
        self._base = f"{prefix}/" if prefix else ""
        self._reads = reads
        self._writes = writes
        self._part = part
        self._folders = folders
        self._met = False  # whether the bucket has been seen to exist

    def get(self, key: str) -> Object:
        def read() -> Object:
            with self._translated("read", key):
                reply = self._reads.get_object(**self._at(key))
                return Object(meta=_meta(key, reply), data=reply["Body"].read())

        check_key(key)
        return again(read, torn)

    def get_range(self, key: str, start: int, length: int) -> bytes:
        def read() -> bytes:
            with self._translated("read", key):
                found = self._reads.get_object(**self._at(key), Range=f"bytes={start}-{start + length - 1}")
                data: bytes = found["Body"].read()
                return data

        check_key(key)
        if length < 1:
            self.head(key)
            return b""
        try:
            return again(read, torn)
        except ProviderError as error:
            if code(error) in {"InvalidRange", "416"}:  # past the end
                return b""
            raise

    def head(self, key: str) -> Meta:
        check_key(key)
        try:
            return self._look(key)
        except NotFound:
            self._require_bucket()
            raise
        except ProviderError as error:
            if code(error) not in WORDLESS:
                raise
            self.get_range(key, 0, 1)
            return self._look(key)

    def _look(self, key: str) -> Meta:
        with self._translated("look at", key):
            return _meta(key, self._reads.head_object(**self._at(key)))

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        return self._put(key, data, mode)

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        source = transfer.Source.of(path, self._part)
        metadata = {transfer.DIGEST: source.sha256}
        if source.size <= self._part:
            return self._put(key, source.read(0, source.size), mode, Metadata=metadata)
        self._require(key, mode)  # the cheap way out; the condition on completing is what decides
        at = self._at(key)
        with transfer.Parts(self._reads, at, source, metadata, lambda: self._translated("write", key)) as parts:
            done = self._conditional(key, mode, lambda on: self._writes.complete_multipart_upload(**parts.all, **on))
        return self._written(key, source.size, done)

    def download(self, key: str, path: Path) -> Meta:
        check_key(key)

        def opened(**more: str) -> Any:
            return self._reads.get_object(**self._at(key), **more)

        reply = transfer.download(opened, path, lambda: self._translated("read", key), self.uri(key))
        return _meta(key, reply)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        paginator = self._reads.get_paginator("list_objects_v2")
        walk = listing.by_folder if self._folders else listing.flat
        with self._translated("list", prefix):
            pages = partial(_pages, paginator, self._bucket)
            for key, found in walk(pages, self._base, prefix, after):
                yield _meta(key, found, size="Size")

    def delete(self, key: str) -> None:
        check_key(key)
        with self._translated("delete", key):
            self._reads.delete_object(**self._at(key))

    def uri(self, key: str = "") -> str:
        path = self._base + check_key(key) if key else self._base.rstrip("/")
        return f"s3://{self._bucket}/{path}".rstrip("/")

    def _put(self, key: str, data: bytes, mode: Mode, **more: Any) -> Meta:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        content = {**self._at(key), "Body": data, **_typed(key), **more}
        content |= {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": digest}
        reply = again(
            lambda: self._conditional(key, mode, lambda on: self._writes.put_object(**content, **on)), refused_for_now
        )
        return self._written(key, len(data), reply)

    def _conditional(self, key: str, mode: Mode, write: Callable[[dict[str, str]], Any]) -> Any:
        """The reply to `write(condition)`; the condition's failure as the mode names it."""
        condition = {"IfNoneMatch": "*"} if isinstance(mode, Create) else {}
        if isinstance(mode, Match):
            condition = {"IfMatch": mode.etag}
        try:
            with self._translated("write", key):
                return write(condition)
        except (PreconditionFailed, NotFound) as error:
            if isinstance(mode, Create) and isinstance(error, PreconditionFailed):
                raise AlreadyExists(f"{self.uri(key)} exists already") from error.__cause__
            if isinstance(mode, Match) and code(error) != "NoSuchUpload":
                raise PreconditionFailed(f"{self.uri(key)} is not what was last seen") from error.__cause__
            raise

    def _written(self, key: str, size: int, reply: Any) -> Meta:
        etag = reply["ETag"]
        try:
            seen = self.head(key)
            if seen.etag == etag:
                return seen
        except ProviderError:
            pass  # the write stands, whatever looking at it said
        answered = reply["ResponseMetadata"]["HTTPHeaders"].get("date")
        moment = parsedate_to_datetime(answered) if answered else datetime.now(UTC)
        return Meta(key=key, size=size, etag=etag, modified=times.text(moment))

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
            raise PreconditionFailed(f"{self.uri(key)} is not what was last seen")

    def _require_bucket(self) -> None:
        """A HEAD's 404 has no body: it does not say whether it is the key or the bucket that is missing."""
        if not self._met:
            try:
                with self._translated("find the bucket of", ""):
                    self._reads.head_bucket(Bucket=self._bucket)
            except NotFound as error:
                hint = f"aws s3 mb s3://{self._bucket}, or correct bucket in [targets.<t>.aws]"
                raise ConfigError(f"there is no bucket {self._bucket}", hint=hint) from error.__cause__
            self._met = True

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._base + key}

    def _translated(self, verb: str, key: str) -> AbstractContextManager[None]:
        where = f"s3://{self._bucket}/{self._base}{key}"
        return translated(f"{verb} {where}", self._reads.meta.region_name, bucket=self._bucket)


def _pages(paginator: Any, bucket: str, wanted: Mapping[str, str]) -> Iterator[Any]:
    yield from paginator.paginate(Bucket=bucket, **wanted)


def _typed(key: str) -> dict[str, str]:
    """A page is opened by a browser, not downloaded."""
    return {"ContentType": "text/html; charset=utf-8"} if key.endswith(".html") else {}


def _meta(key: str, reply: Any, *, size: str = "ContentLength") -> Meta:
    """A HEAD's reply can have broken off in its headers (see `whole`)."""
    if any(reply.get(name) is None for name in (size, "ETag", "LastModified")):
        raise broken_off()
    return Meta(key=key, size=reply[size], etag=reply["ETag"], modified=times.text(reply["LastModified"]))
