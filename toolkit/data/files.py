"""Find the files that a source names: paths, folders, globs, file:// URIs, objects of the store."""

from __future__ import annotations

import fnmatch
import gzip
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from toolkit.domain.errors import ConfigError, DataError, NotFound, StorageFull, Unsupported

if TYPE_CHECKING:
    from toolkit.ports.store import Store

KINDS = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".dat": "csv", ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "lines", ".ndjson": "lines", ".json": "json",
}  # fmt: skip
_WILD = "*?["
_STORE = "store:"


@dataclass(frozen=True)
class File:
    """One file found. `name` is how people know it."""

    name: str
    path: Path
    kind: str


def find(source: str, directory: Path, store: Store | Callable[[], Store] | None, folder: Path) -> Iterator[File]:
    """The files of one source, relative to `directory`; objects of the store are brought into `folder`.

    ConfigError: nothing there, or of no kind that is read.
    """
    if source.startswith("file://"):
        source = unquote(urlsplit(source).path)
    elif source.startswith(_STORE):
        yield from _from_store(source.removeprefix(_STORE), store, folder)
        return
    elif "://" in source:
        root = _root(_opened(store)) if store is not None else ""
        if root and source.startswith(root.rstrip("/") + "/"):
            yield from _from_store(source.removeprefix(root.rstrip("/") + "/"), store, folder)
            return
        raise ConfigError(
            f"data.source {source!r}: only the target's own store{f' ({root})' if root else ''} is read",
            hint="use a path, file://..., or store:KEY",
        )
    yield from _local(source, directory)


def _local(source: str, directory: Path) -> Iterator[File]:
    path = directory / Path(source).expanduser()
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p, path) and _kind(p.name))
        if not found:
            raise ConfigError(f"{path} holds no data file ({', '.join(KINDS)})", hint="data.source names what to read")
    elif path.exists() or not any(c in source for c in _WILD):
        found = [path]
    else:
        anchor = path.anchor
        found = sorted(Path(anchor).glob(str(path.relative_to(anchor))))
        found = [p for p in found if p.is_file() and not p.name.startswith(".") and _kind(p.name)]
        if not found:
            raise ConfigError(f"no data file matches {source!r} in {directory}", hint=_near(path))
    for file in found:
        yield File(_shown(file, directory), file, _known_kind(file))


def _hidden(path: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(root).parts)


def _shown(path: Path, directory: Path) -> str:
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)


def _near(path: Path) -> str:
    parent = path.parent
    while not parent.is_dir():
        parent = parent.parent
    seen = sorted(p.name for p in parent.iterdir() if not p.name.startswith("."))[:5]
    return f"{parent} holds {', '.join(seen)}" if seen else f"{parent} is empty"


def _known_kind(path: Path) -> str:
    if not path.exists():
        raise ConfigError(f"no such file: {path}", hint=_near(path))
    kind = _kind(path.name)
    if not kind:
        raise ConfigError(
            f"{path}: the ending {path.suffix!r} is not one of {', '.join(KINDS)}",
            hint="export the table as CSV or Parquet",
        )
    return kind


def _kind(name: str) -> str:
    plain = name.lower().removesuffix(".gz")
    return KINDS.get(Path(plain).suffix, "")


def _opened(store: Store | Callable[[], Store] | None) -> Store:
    if store is None:
        raise ConfigError("no store is open here", hint="use a path or file://...")
    return store() if callable(store) else store


def _root(store: Store) -> str:
    """What other tools call the store; "" where it has no such name."""
    try:
        return store.uri()
    except Unsupported:
        return ""


def _from_store(pattern: str, store: Store | Callable[[], Store] | None, folder: Path) -> Iterator[File]:
    opened = _opened(store)
    if not any(c in pattern for c in _WILD):
        keys = [pattern]
    else:
        prefix = pattern[: min(pattern.find(c) for c in _WILD if c in pattern)]
        keys = [meta.key for meta in opened.list(prefix) if fnmatch.fnmatchcase(meta.key, pattern)]
        if not keys:
            raise ConfigError(
                f"no object matches store:{pattern}", hint=f"it was looked for in {_root(opened) or 'the store'}"
            )
    for key in keys:
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            opened.download(key, path)
        except NotFound as error:
            raise ConfigError(
                f"no object store:{key}", hint=f"it was looked for in {_root(opened) or 'the store'}"
            ) from error
        yield File(f"store:{key}", path, _known_kind(path))


def unpacked(file: File, folder: Path) -> File:
    """The file itself; its text out of gzip, in `folder`. DataError: empty, unreadable, damaged."""
    try:
        if file.path.stat().st_size == 0:
            raise DataError(f"{file.name} is empty", hint="check how the file was exported")
        if not file.path.name.lower().endswith(".gz"):
            with file.path.open("rb"):
                return file
        plain = Path(tempfile.mkdtemp(dir=folder)) / file.path.name[:-3]
        with gzip.open(file.path) as packed, plain.open("wb") as out:
            shutil.copyfileobj(packed, out, 1 << 20)
        return File(file.name, plain, file.kind)
    except (gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{file.name} is not a whole gzip file: {error}") from error
    except OSError as error:
        if error.errno == 28:  # ENOSPC
            raise StorageFull(f"no space left to unpack {file.name}", hint="free some space and try again") from error
        raise DataError(f"{file.name} cannot be read: {error.strerror}", hint=f"ls -l '{file.path}'") from error
