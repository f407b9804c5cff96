"""libcloud's driver of a folder, with whole writes: beside it first, synced, then in its place."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from libcloud.storage.drivers.local import LocalStorageDriver
from libcloud.storage.types import ObjectDoesNotExistError

PART = ".part-"  # no key has a component that begins with a dot


class Folder(LocalStorageDriver):
    if TYPE_CHECKING:  # libcloud's own are without types
        get_container_cdn_url: Callable[..., str]
        get_object_cdn_url: Callable[..., str]
        _make_object: Callable[..., Any]

    def __init__(self, key: str, secret: str | None = None, **more: Any) -> None:
        made: Callable[..., None] = super().__init__
        made(key, secret, ex_use_locking=False, **more)  # a rename needs no lock

    def upload_object(
        self, file_path: str, container: Any, object_name: str, extra: Any = None, verify_hash: bool = True,
        headers: Any = None,
    ) -> Any:  # fmt: skip
        place = Path(self.get_container_cdn_url(container, check=True)) / object_name
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{PART}{uuid.uuid4().hex}")
        try:
            with Path(file_path).open("rb") as source, part.open("xb") as stream:
                shutil.copyfileobj(source, stream, 1 << 20)
                stream.flush()
                now = time.time_ns()  # the hash of an object is its time: the kernel's own stamps are coarse
                os.utime(stream.fileno(), ns=(now, now))
                os.fsync(stream.fileno())
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
        return self._make_object(container, object_name)

    def upload_object_via_stream(
        self, iterator: Iterator[bytes], container: Any, object_name: str, extra: Any = None, headers: Any = None
    ) -> Any:
        with tempfile.NamedTemporaryFile(prefix="toolkit-") as file:
            file.writelines(iterator)
            file.flush()
            return self.upload_object(file.name, container, object_name)

    def download_object_range_as_stream(
        self, obj: Any, start_bytes: int, end_bytes: int | None = None, chunk_size: int | None = None
    ) -> Iterator[bytes]:
        """Its own reads the whole file first."""
        try:
            with Path(self.get_object_cdn_url(obj)).open("rb") as stream:
                stream.seek(start_bytes)
                yield stream.read(-1 if end_bytes is None else end_bytes - start_bytes)
        except FileNotFoundError as error:
            raise ObjectDoesNotExistError(None, self, obj.name) from error

    def iterate_container_objects(
        self, container: Any, prefix: str | None = None, ex_prefix: str | None = None
    ) -> Iterator[Any]:
        """Those that begin with `prefix`, in no order. What is deleted meanwhile is passed over."""
        top = Path(self.get_container_cdn_url(container, check=True))
        for folder, _, files in os.walk(top):
            names = [(Path(folder) / name).relative_to(top).as_posix() for name in files if not name.startswith(PART)]
            for name in names:
                if name.startswith(prefix or ""):
                    with suppress(ObjectDoesNotExistError):
                        yield self._make_object(container, name)

    def delete_object(self, obj: Any) -> bool:
        """Its folders stay: another writer may be about to use them."""
        Path(self.get_object_cdn_url(obj)).unlink(missing_ok=True)
        return True
