"""Where a key lies in the folder: at the path it spells.

Object stores allow both "a" and "a/b"; a file system does not. Whichever of file and folder comes second gets a "~"
after its name, which no key can contain. (Not exact when the shorter key is deleted in the very moment both are made.)
"""

# Plain strings and os: this runs on every store call, also inside functions.
# ruff: noqa: PTH102, PTH103, PTH106, PTH112, PTH113, PTH116, PTH120

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from toolkit.domain.errors import ConfigError
from toolkit.domain.names import check_key


class Layout(msgspec.Struct, frozen=True):
    top: str

    def find(self, key: str) -> tuple[str, os.stat_result] | None:
        """The file of `key` and its stat, or None."""
        plain = f"{self.top}/{key}"
        found = status(plain)
        if found is not None and stat.S_ISREG(found.st_mode):
            return plain, found
        parent, _, leaf = key.rpartition("/")
        folder = self.folder(parent)
        if folder is None:
            return None
        for path in (f"{folder}/{leaf}", f"{folder}/{leaf}~"):
            found = status(path)
            if found is not None and stat.S_ISREG(found.st_mode):
                return path, found
        return None

    def folder(self, prefix: str) -> str | None:
        """The folder of the keys under `prefix` ("" is the top), or None."""
        plain = f"{self.top}/{prefix}" if prefix else self.top
        if os.path.isdir(plain):
            return plain
        folder = self.top
        for part in prefix.split("/"):
            folder = f"{folder}/{part}" if os.path.isdir(f"{folder}/{part}") else f"{folder}/{part}~"
            if not os.path.isdir(folder):
                return None
        return folder

    def make_folder(self, prefix: str) -> str:
        """`folder`, made where it is missing; every new name is synced into its parent."""
        ready = self.folder(prefix)
        if ready is not None:
            return ready
        os.makedirs(self.top, exist_ok=True)
        folder = self.top
        for part in prefix.split("/") if prefix else ():
            folder = _step(folder, part)
        return folder

    def prune(self, folder: str) -> None:
        """Remove folders that the last delete has emptied."""
        while folder != self.top:
            try:
                os.rmdir(folder)
            except OSError:
                return
            folder = os.path.dirname(folder)

    def walk(self, prefix: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
        """Keys that begin with `prefix` and sort after `after`, in bytewise order, one folder in memory at a time."""
        # Start in the deepest folder that the prefix names: one run's keys must not cost a walk over all runs.
        base, _, _ = prefix.rpartition("/")
        start = self.folder(base) if all(_fits(part) for part in base.split("/") if base) else None
        if start is not None:
            yield from _walk(start, f"{base}/" if base else "", prefix, after)


def _step(folder: str, part: str) -> str:
    """The folder of `part` in `folder`, made if need be. FileNotFoundError: `folder` was pruned meanwhile."""
    plain, other = f"{folder}/{part}", f"{folder}/{part}~"
    while True:
        for path in (plain, other):
            if os.path.isdir(path):
                return path
        try:
            os.mkdir(plain)
            path = plain
        except FileExistsError:
            if not os.path.isfile(plain):
                continue  # a folder came or went while we looked
            with suppress(FileExistsError):
                os.mkdir(other)
            path = other
        sync_folder(folder)
        return path


def _walk(folder: str, base: str, prefix: str, after: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as entries:
            names = [(entry.name.removesuffix("~"), entry.is_dir(), entry.path) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return
    # A folder sorts as its name and "/": "a-b" and "a.b" come before what lies in "a".
    for key, path in sorted((base + name + "/" * is_folder, path) for name, is_folder, path in names if _fits(name)):
        if key.endswith("/"):
            if (key.startswith(prefix) or prefix.startswith(key)) and (key > after or after.startswith(key)):
                yield from _walk(path, key, prefix, after)
        elif key.startswith(prefix) and key > after:
            found = status(path)
            if found is not None:
                yield key, found


def _fits(name: str) -> bool:
    """Whether it can be part of a key: our own work folder, .DS_Store and the like cannot."""
    try:
        return bool(check_key(name))
    except ConfigError:
        return False


def status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def sync_folder(folder: str) -> None:
    """A name is durable when its folder is. A folder that was pruned meanwhile holds no name of ours."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
