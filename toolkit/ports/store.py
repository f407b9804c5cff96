"""Objects under string keys. With `store.create` and strong reads, this is the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """`etag` is opaque and changes with the content; `modified` is the store's own clock (RFC 3339 UTC)."""

    key: str
    size: int
    etag: str
    modified: str


class Object(msgspec.Struct, frozen=True, kw_only=True):
    meta: Meta
    data: bytes


class Create(msgspec.Struct, frozen=True):
    """Write only if the key does not exist; else AlreadyExists."""


class Overwrite(msgspec.Struct, frozen=True):
    """Write in any case."""


class Match(msgspec.Struct, frozen=True):
    """Write only over the object with this etag; else PreconditionFailed (also when the key is missing)."""

    etag: str


Mode = Create | Overwrite | Match
CREATE = Create()
OVERWRITE = Overwrite()


class Store(Protocol):
    """Keys follow `names.check_key`; a bad key is a ConfigError before anything is sent.

    Every method may raise Unavailable or Throttled (then a write may or may not have been applied), PermissionDenied
    or Unauthenticated. Adapters do not retry conditional writes: a retry after a lost reply reports a false conflict
    (the layer above resolves that by operation id).
    """

    def get(self, key: str) -> Object:
        """The whole object. NotFound. What is returned was one complete write, never a mixture."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` (fewer at the end, empty past it). NotFound."""
        ...

    def head(self, key: str) -> Meta:
        """NotFound."""
        ...

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        """Write one object in a single request, atomically; returned means durable. For state: at most 5 MiB.

        Raises AlreadyExists (Create lost), PreconditionFailed (Match lost), StorageFull.
        """
        ...

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        """As `put`, from a file of any size, in bounded memory. Visible only when complete."""
        ...

    def download(self, key: str, path: Path) -> Meta:
        """Write the object to `path` (replaced atomically) in bounded memory. NotFound leaves `path` untouched."""
        ...

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        """Every object whose key starts with `prefix` and sorts after `after`, in bytewise key order, paged lazily."""
        ...

    def delete(self, key: str) -> None:
        """Gone afterwards; deleting what is not there is no error."""
        ...

    def uri(self, key: str = "") -> str:
        """What another tool would call it: s3://bucket/prefix/key, gs://..., file:///... No request."""
        ...
