"""Read what `data.source` names: files, folders, globs, objects of the store; CSV, Parquet, JSON and JSON Lines.

Several files are one table: every file has the same columns, the first one's order counts, and a column's type is
decided over all files. Everything is read lazily and comes to memory once, typed.
"""

from __future__ import annotations

import fnmatch
import gzip
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from toolkit.data import csvtext, texts
from toolkit.data.findings import Finding
from toolkit.domain.errors import ConfigError, DataError, NotFound, StorageFull, Unsupported, missing_extra

if TYPE_CHECKING:
    import polars as pl

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


@dataclass(frozen=True)
class Table:
    """`frame` is a polars DataFrame, rows in file order; `findings` are about its reading."""

    frame: pl.DataFrame
    findings: tuple[Finding, ...]
    files: tuple[str, ...]


def read(
    source: str | Sequence[str],
    directory: Path,
    *,
    store: Store | Callable[[], Store] | None = None,
    keep_text: Collection[str] = (),
) -> Table:
    """The table that `source` names, relative to `directory`. Columns in `keep_text` stay text in CSV files.

    Raises ConfigError (nothing matches, unknown ending) or DataError (file, and line or byte, and why).
    """
    _needs_polars()
    with tempfile.TemporaryDirectory(prefix="toolkit-read-") as folder:
        files = [
            file
            for number, one in enumerate([source] if isinstance(source, str) else source)
            for file in _find(str(one), directory, store, Path(folder) / str(number))
        ]
        if not files:
            raise ConfigError("data.source names no file", hint='data.source = "data/*.csv"')
        return _table([_unpacked(file, Path(folder)) for file in files], keep_text)


def _needs_polars() -> None:
    try:
        import polars  # noqa: F401
    except ImportError as error:
        raise missing_extra("polars", "data") from error


def _find(source: str, directory: Path, store: Store | Callable[[], Store] | None, folder: Path) -> Iterator[File]:
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


def _unpacked(file: File, folder: Path) -> File:
    """The file itself, its text out of gzip."""
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


def _table(files: Sequence[File], keep_text: Collection[str]) -> Table:
    import polars as pl

    findings: list[Finding] = []
    parts: list[pl.LazyFrame] = []
    csvs = [file for file in files if file.kind == "csv"]
    if csvs:
        with _polars_errors(csvs[0]):
            opened = [_csv(file, findings) for file in csvs]
            whole = pl.concat(_aligned(csvs, opened))
            names = whole.collect_schema().names()
            typed, found = texts.typed(whole, names, keep=keep_text)
            findings += found
            frame = typed.filter(~pl.all_horizontal(pl.all().is_null())) if names else typed
            parts.append(frame.collect(engine="streaming").lazy())
    for file in files:
        if file.kind != "csv":
            with _polars_errors(file):
                parts.append(_other(file, keep_text, findings).lazy())
    table = _joined(files, parts)
    if table.is_empty():
        raise DataError(f"{files[0].name} has no rows", hint="check how the file was exported")
    return Table(table, tuple(findings), tuple(file.name for file in files))


def _csv(file: File, findings: list[Finding]) -> pl.LazyFrame:
    import polars as pl

    layout = csvtext.examine(file.path, file.name)
    findings += [Finding(kind="renamed", column=name, text=text) for name, text in layout.renamed]
    return pl.scan_csv(
        file.path,
        separator=layout.separator,
        has_header=False,
        skip_lines=layout.skip,
        schema=dict.fromkeys(layout.names, pl.String),
    )


def _other(file: File, keep_text: Collection[str], findings: list[Finding]) -> pl.DataFrame:
    import polars as pl

    if file.kind == "parquet":
        return pl.read_parquet(file.path)
    frame = pl.read_json(file.path, infer_schema_length=None) if _is_array(file) else _lines(file)
    names = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    typed, found = texts.typed(frame.lazy(), names, keep=keep_text, dates_only=True)
    findings += found
    return typed.collect()


def _is_array(file: File) -> bool:
    with file.path.open("rb") as stream:
        return stream.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _lines(file: File) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_ndjson(file.path, infer_schema_length=None)
    except pl.exceptions.PolarsError as error:
        raise _bad_line(file, error) from error


def _bad_line(file: File, error: Exception) -> DataError:
    import msgspec

    with file.path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                if line.strip() and not isinstance(msgspec.json.decode(line), dict):
                    return DataError(f"{file.name}: line {number} is not a JSON object")
            except (msgspec.DecodeError, UnicodeDecodeError) as problem:
                return DataError(f"{file.name}: line {number} is not JSON: {problem}", hint="one JSON object a line")
    return DataError(f"{file.name} cannot be read as JSON Lines: {_first_line(error)}")


@contextmanager
def _polars_errors(file: File) -> Iterator[None]:
    import polars as pl

    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise DataError(f"{file.name} cannot be read as {file.kind}: {_first_line(error)}") from error
    except OSError as error:
        raise DataError(f"{file.name} cannot be read: {_first_line(error)}", hint=f"ls -l '{file.path}'") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _aligned(files: Sequence[File], frames: Sequence[pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Every frame with the first one's columns, in its order. DataError names a file whose columns differ."""
    first = frames[0].collect_schema().names()
    for file, frame in zip(files, frames, strict=True):
        names = set(frame.collect_schema().names())
        for said, columns in (("lacks", set(first) - names), ("has besides", names - set(first))):
            if columns:
                raise DataError(
                    f"{file.name} {said} {', '.join(map(repr, sorted(columns)[:5]))}, unlike {files[0].name}",
                    hint="files of one source have the same columns; use data.tables for others",
                )
    return [frame.select(first) for frame in frames]


def _joined(files: Sequence[File], parts: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    import polars as pl

    kinds = [file for file in files if file.kind == "csv"][:1] + [file for file in files if file.kind != "csv"]
    try:
        return pl.concat(_aligned(kinds, parts), how="vertical_relaxed").collect()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the files of the source differ in a column's type: {_first_line(error)}") from error
