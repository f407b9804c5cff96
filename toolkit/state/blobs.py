"""Bytes named by their SHA-256. Equal content is stored once; what is read is verified."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

from toolkit.domain import digest
from toolkit.domain.errors import AlreadyExists, Corrupt, NotFound
from toolkit.ports.store import CREATE, Store
from toolkit.state import keys
from toolkit.state.patience import patiently


class Blobs:
    def __init__(self, store: Store, key: Callable[[str], str] = keys.blob) -> None:
        """`key` says where the bytes of a digest lie."""
        self._store = store
        self._key = key

    def put(self, data: bytes) -> str:
        """Store it (once); its digest."""
        name = digest.of_bytes(data)

        def create() -> None:
            try:
                self._store.put(self._key(name), data, CREATE)
            except AlreadyExists:
                return  # the same bytes, by definition of the name

        patiently(create)
        return name

    def put_file(self, path: Path) -> str:
        """As `put`, of any size in bounded memory; what is stored already is not sent again."""
        name = digest.of_file(path)
        if self.has(name):
            return name

        def create() -> None:
            try:
                self._store.upload(self._key(name), path, CREATE)
            except AlreadyExists:
                return

        patiently(create)
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that digest. NotFound, Corrupt (they are others now)."""
        data = patiently(lambda: self._store.get(self._key(name))).data
        _verify(name, digest.of_bytes(data), self._key(name))
        return data

    def fetch(self, name: str, path: Path) -> None:
        """Write the blob to `path`, verified before it appears there; missing folders are made. NotFound, Corrupt."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            patiently(lambda: self._store.download(self._key(name), part))
            _verify(name, digest.of_file(part), self._key(name))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def has(self, name: str) -> bool:
        try:
            patiently(lambda: self._store.head(self._key(name)))
        except NotFound:
            return False
        return True

    def size(self, name: str) -> int:
        """Bytes. NotFound."""
        return patiently(lambda: self._store.head(self._key(name))).size


def _verify(name: str, found: str, key: str) -> None:
    if found != name:
        raise Corrupt(
            f"blob {name[:12]} holds other bytes than it was stored with (digest {found[:12]})",
            hint=f"restore {key} from a backup, or make it again",
        )
