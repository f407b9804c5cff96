"""A store for state and one for artifacts, as one store.

Hybrid targets keep what is large (datasets, models, files of runs) where bytes are cheap or must stay, and the rest
where writes can be conditional. Large is a blob of LARGE bytes or more. Smaller blobs (manifests, profiles,
configurations, code) stay with the state, so that a function reads its own without the other store's credentials. Where
a blob lies is found by looking: with the state first.

The store of artifacts need know no condition: a blob's name is its content, and who writes it twice writes it equal.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from toolkit.domain.errors import AlreadyExists, NotFound
from toolkit.ports.store import OVERWRITE, Create, Meta, Mode, Object, Store
from toolkit.state.keys import BLOBS

T = TypeVar("T")
LARGE = 64 * 1024


class Shelves:
    """`artifacts` is opened when it is first needed."""

    def __init__(self, state: Store, artifacts: Callable[[], Store]) -> None:
        self._state = state
        self._open = artifacts

    @cached_property
    def _artifacts(self) -> Store:
        return self._open()

    def get(self, key: str) -> Object:
        return self._found(key, lambda store: store.get(key))

    def get_range(self, key: str, start: int, length: int) -> bytes:
        return self._found(key, lambda store: store.get_range(key, start, length))

    def head(self, key: str) -> Meta:
        return self._found(key, lambda store: store.head(key))

    def download(self, key: str, path: Path) -> Meta:
        return self._found(key, lambda store: store.download(key, path))

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        if not key.startswith(BLOBS) or len(data) < LARGE:
            return self._state.put(key, data, mode)
        self._require_new(key, mode)
        return self._artifacts.put(key, data)

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        if not key.startswith(BLOBS) or not path.is_file() or path.stat().st_size < LARGE:
            return self._state.upload(key, path, mode)
        self._require_new(key, mode)
        return self._artifacts.upload(key, path)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        mine = self._state.list(prefix, after=after)
        if not (prefix.startswith(BLOBS) or BLOBS.startswith(prefix)):
            return mine
        theirs = self._artifacts.list(max(prefix, BLOBS, key=len), after=after)
        return heapq.merge(mine, theirs, key=lambda meta: meta.key)

    def delete(self, key: str) -> None:
        self._state.delete(key)
        if key.startswith(BLOBS):
            self._artifacts.delete(key)

    def uri(self, key: str = "") -> str:
        return self._state.uri(key)

    def _found(self, key: str, read: Callable[[Store], T]) -> T:
        if not key.startswith(BLOBS):
            return read(self._state)
        try:
            return read(self._state)
        except NotFound:
            return read(self._artifacts)

    def _require_new(self, key: str, mode: Mode) -> None:
        if isinstance(mode, Create):
            try:
                self._artifacts.head(key)
            except NotFound:
                return
            raise AlreadyExists(f"{self._artifacts.uri(key)} exists already")
