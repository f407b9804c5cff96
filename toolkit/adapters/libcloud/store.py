"""One container by one driver. A driver keeps one connection, so every thread has its own.

What a listing says and what a look says differ from driver to driver (quotes around etags, milliseconds), so both are
brought to one form: the etag without quotes, the time to the second where it was given as text.
"""

from __future__ import annotations

import os
import tempfile
import threading
import uuid
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from toolkit.adapters.libcloud.errors import translated
from toolkit.domain import times
from toolkit.domain.errors import ConfigError, NotFound, PermissionDenied, Unauthenticated, Unavailable, Unsupported
from toolkit.domain.names import check_key
from toolkit.ports import Settings
from toolkit.ports.store import OVERWRITE, Meta, Mode, Object, Store

PART = 8 * 1024**2  # bytes of one range of a download
ATTEMPTS = 3  # of a download that somebody wrote over meanwhile
TIMEOUT_SECONDS = 60


def open_store(settings: Settings) -> Store:
    for key in ("driver", "container"):
        if not settings[key]:
            raise ConfigError(f"no {key} is set for libcloud", hint=f'{key} = "..." in [targets.<t>.libcloud]')
    _driver(settings)  # what is wrong with the words is said now
    return LibcloudStore(settings)


class LibcloudStore:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = f"{settings['prefix']}/" if settings["prefix"] else ""
        self._local = threading.local()

    def get(self, key: str) -> Object:
        for _ in range(ATTEMPTS):
            with self._translated("read", key):
                found = self._find(key)
                data = b"".join(self._driver.download_object_as_stream(found, PART)) if found.size else b""
            if len(data) == found.size:
                return Object(meta=_meta(key, found), data=data)
        raise Unavailable(f"{self.uri(key)} was written over {ATTEMPTS} times while it was read")

    def get_range(self, key: str, start: int, length: int) -> bytes:
        with self._translated("read", key):
            found = self._find(key)
            return self._part(found, start, min(start + length, found.size))

    def head(self, key: str) -> Meta:
        with self._translated("look at", key):
            return _meta(key, self._find(key))

    def put(self, key: str, data: bytes, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        _require_plain(mode)
        with tempfile.NamedTemporaryFile(prefix="toolkit-") as file:
            file.write(data)
            file.flush()
            return self._upload(key, Path(file.name))

    def upload(self, key: str, path: Path, mode: Mode = OVERWRITE) -> Meta:
        check_key(key)
        _require_plain(mode)
        try:
            path.open("rb").close()
        except OSError as error:
            kind = PermissionDenied if isinstance(error, PermissionError) else NotFound
            raise kind(f"cannot read {path}: {error.strerror}") from error
        return self._upload(key, path)

    def download(self, key: str, path: Path) -> Meta:
        """In ranges: a driver's own download holds the whole in memory."""
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
        try:
            for _ in range(ATTEMPTS):
                with self._translated("read", key):
                    before = self._find(key)
                    with part.open("wb") as stream:
                        for start in range(0, before.size, PART):
                            stream.write(self._part(before, start, min(start + PART, before.size)))
                    after = self._find(key)
                meta = _meta(key, after)
                if meta == _meta(key, before) and part.stat().st_size == meta.size:
                    part.replace(path)
                    return meta
        finally:
            part.unlink(missing_ok=True)
        raise Unavailable(f"{self.uri(key)} was written over {ATTEMPTS} times while it was read")

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[Meta]:
        """Drivers promise no order, so all that begins with `prefix` is read before the first is given."""
        if " " in prefix:  # no key has one, and not every driver signs it rightly
            return
        with self._translated("list", prefix):
            listed = list(self._driver.iterate_container_objects(self._container, prefix=self._base + prefix or None))
        named = ((found.name.removeprefix(self._base), found) for found in listed)
        for key, found in sorted((pair for pair in named if pair[0] > after), key=lambda pair: pair[0]):
            if key.startswith(prefix):
                yield _meta(key, found)

    def delete(self, key: str) -> None:
        try:
            with self._translated("delete", key):
                self._driver.delete_object(self._find(key))
        except NotFound:
            return

    def uri(self, key: str = "") -> str:
        path = self._base + check_key(key) if key else self._base.rstrip("/")
        scheme = self._settings["driver"].replace("_", "-")  # an underscore is in no scheme
        return f"{scheme}://{self._settings['container']}/{path}".rstrip("/")

    @property
    def _driver(self) -> Any:
        if not hasattr(self._local, "driver"):
            self._local.driver = _driver(self._settings)
        return self._local.driver

    @property
    def _container(self) -> Any:
        if not hasattr(self._local, "container"):
            self._local.container = self._driver.get_container(self._settings["container"])
        return self._local.container

    def _find(self, key: str) -> Any:
        check_key(key)
        container = self._container  # where it is missing, that is what is wrong, and not the key
        return self._driver.get_object(container.name, self._base + key)

    def _part(self, found: Any, start: int, end: int) -> bytes:
        """From `start` up to, not including, `end`."""
        if start >= end:
            return b""
        return b"".join(self._driver.download_object_range_as_stream(found, start, end))

    def _upload(self, key: str, path: Path) -> Meta:
        name = self._base + key
        with self._translated("write", key):
            if path.stat().st_size:
                self._driver.upload_object(str(path), self._container, name)
            else:  # an empty file would go out in chunks of no known number, which S3 refuses
                self._driver.upload_object_via_stream(iter([b""]), self._container, name)
            return _meta(key, self._find(key))

    def _translated(self, verb: str, key: str) -> AbstractContextManager[None]:
        settings = self._settings
        where = f"{settings['driver']}://{settings['container']}/{self._base}{key}"
        variables = f"{settings['key_variable']} and {settings['secret_variable']}"
        return translated(f"{verb} {where}", settings["container"], variables)


def _require_plain(mode: Mode) -> None:
    if mode != OVERWRITE:
        raise Unsupported(
            "libcloud writes no object on a condition: of two writers both would win",
            hint='use it for artifacts; the state goes elsewhere: ports = { store = "aws", artifacts = "libcloud" }',
        )


def _driver(settings: Settings) -> Any:
    from libcloud.common.types import LibcloudError
    from libcloud.storage.providers import DRIVERS, get_driver

    warnings.filterwarnings("ignore", message=".*native object filtering")  # said by drivers that filter here
    name = settings["driver"]
    if name == "local":
        return _folder(settings)
    if name not in DRIVERS:
        import difflib

        near = ", ".join(difflib.get_close_matches(name, DRIVERS, 3)) or "backblaze_b2, openstack_swift, s3, local"
        raise ConfigError(f"libcloud has no storage driver {name!r}", hint=f"one of: {near}")
    variables = [settings["key_variable"], settings["secret_variable"]]
    for variable in variables:
        if not os.environ.get(variable):
            raise Unauthenticated(f"{variable} is not set: {name} needs it", hint=f"export {variable}=...")
    try:
        return get_driver(name)(
            *map(os.environ.__getitem__, variables), **{"timeout": TIMEOUT_SECONDS, **settings["options"]}
        )
    except (LibcloudError, TypeError, ValueError) as error:
        raise ConfigError(
            f"libcloud cannot open {name}: {error}", hint="see options in [targets.<t>.libcloud]"
        ) from error


def _folder(settings: Settings) -> Any:
    from libcloud.common.types import LibcloudError

    from toolkit.adapters.libcloud.folder import Folder

    if not settings["folder"]:
        raise ConfigError(
            "no folder is set for libcloud's local driver", hint='folder = "..." in [targets.<t>.libcloud]'
        )
    try:
        return Folder(settings["folder"])
    except LibcloudError as error:
        raise ConfigError(f"{settings['folder']} is not a folder", hint=f"mkdir -p {settings['folder']}") from error


def _meta(key: str, found: Any) -> Meta:
    modified = _time(found.extra)
    etag = str(found.extra.get("etag") or found.hash or f"{found.size}-{modified}").strip('"')
    return Meta(key=key, size=found.size, etag=etag, modified=modified)


def _time(extra: dict[str, Any]) -> str:
    given = extra.get("last_modified") or extra.get("modify_time") or 0.0
    if isinstance(given, datetime):
        return times.text(given.astimezone(UTC))
    if isinstance(given, int | float):
        return times.text(datetime.fromtimestamp(given, UTC))
    moment = datetime.fromisoformat(given) if given[:4].isdigit() else parsedate_to_datetime(given)
    return times.text(moment.replace(microsecond=0, tzinfo=moment.tzinfo or UTC).astimezone(UTC))
