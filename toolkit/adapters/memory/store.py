"""Objects in a dictionary. Two stores opened with one `name` share their content, as two clients of one bucket do."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.domain import times
from toolkit.domain.errors import AlreadyExists, NotFound, PreconditionFailed, Unsupported
from toolkit.domain.names import check_key
from toolkit.ports import Settings
from toolkit.ports.store import OVERWRITE, Create, Match, Meta, Mode, Object, Store


@dataclass
class _Bucket:
    objects: dict[str, Object] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)  # sorted: keys are ASCII, so text order is byte order
    writes: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)


_BUCKETS: dict[str, _Bucket] = {}
_REGISTRY = threading.Lock()


def open_store(settings: Settings) -> Store:
    """`settings["name"]` (default "default") says which bucket; it is made on first use and lives with the process."""
    return MemoryStore(str(settings.get("name", "default")))


def forget(name: str) -> None:
    """Drop the bucket and all in it (tests); opened handles keep what they have."""
    with _REGISTRY:
        _BUCKETS.pop(name, None)


class MemoryStore:
    """`clock` is the store's own; tests of leases turn it."""

    def __init__(self, name: str, clock: Callable[[], str] = times.now) -> None:
        self.name = name
        self.clock = clock
        with _REGISTRY:
            self._bucket = _BUCKETS.setdefault(name, _Bucket())

    def get(self, key: str) -> Object:
        found = self._bucket.objects.get(check_key(key))
        if found is None:
            raise NotFound(f"no object {key} in memory store {self.name}")
        return found

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self.get(key).data[start : start + length]

    def head(self, key: str) -> Meta:
        return self.get(key).meta

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        bucket = self._bucket
        with bucket.lock:
            old = bucket.objects.get(key)
            if isinstance(mode, Create) and old is not None:
                raise AlreadyExists(f"{key} exists already in memory store {self.name}")
            if isinstance(mode, Match) and (old is None or old.meta.etag != mode.etag):
                raise PreconditionFailed(f"{key} is not what was last seen in memory store {self.name}")
            bucket.writes += 1
            meta = Meta(key=key, size=len(data), etag=f"w{bucket.writes}", modified=self.clock())
            bucket.objects[key] = Object(meta=meta, data=bytes(data))
            if old is None:
                bisect.insort(bucket.keys, key)
        return meta

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NotFound(f"cannot read {path}: {error.strerror}") from error
        return self.put(key, data, mode)

    def download(self, key: str, path: Path) -> Meta:
        found = self.get(key)
        part = path.with_name(f".{path.name}.{threading.get_ident()}.part")
        try:
            part.write_bytes(found.data)
            part.replace(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise NotFound(f"cannot write {path}: {error.strerror}") from error
        return found.meta

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        bucket = self._bucket
        last = after
        while True:
            with bucket.lock:
                position = max(bisect.bisect_left(bucket.keys, prefix), bisect.bisect_right(bucket.keys, last))
                page = bucket.keys[position : position + 1000]
                metas = [bucket.objects[key].meta for key in page if key.startswith(prefix)]
            yield from metas
            if len(metas) < 1000:
                return
            last = page[-1]

    def delete(self, key: str) -> None:
        check_key(key)
        with self._bucket.lock:
            if self._bucket.objects.pop(key, None) is not None:
                del self._bucket.keys[bisect.bisect_left(self._bucket.keys, key)]

    def uri(self, key: str = "") -> str:
        raise Unsupported("memory objects have no URI that another tool could read", hint="use the local provider")
