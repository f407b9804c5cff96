"""Read what `data.source` names: files, folders, globs, objects of the store; CSV, Parquet, JSON and JSON Lines.

Several files are one table: every file has the same columns, the first one's order counts, and a column's type is
decided over all files. Everything is read lazily and comes to memory once, typed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.data import csvtext, texts
from toolkit.data.files import File, find, unpacked
from toolkit.data.findings import Finding
from toolkit.domain.errors import ConfigError, DataError, missing_extra

if TYPE_CHECKING:
    import polars as pl

    from toolkit.ports.store import Store


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
            for file in find(str(one), directory, store, Path(folder) / str(number))
        ]
        if not files:
            raise ConfigError("data.source names no file", hint='data.source = "data/*.csv"')
        return _table([unpacked(file, Path(folder)) for file in files], keep_text)


def _needs_polars() -> None:
    try:
        import polars  # noqa: F401
    except ImportError as error:
        raise missing_extra("polars", "data") from error


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
        return _named(pl.read_parquet(file.path), findings)
    frame = pl.read_json(file.path, infer_schema_length=None) if _is_array(file) else _lines(file)
    names = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    typed, found = texts.typed(frame.lazy(), names, keep=keep_text, dates_only=True)
    findings += found
    return _named(typed.collect(), findings)


def _named(frame: pl.DataFrame, findings: list[Finding]) -> pl.DataFrame:
    """With names that are whole, as a CSV header's are made."""
    names, renamed = csvtext.unique(frame.columns)
    findings += [Finding(kind="renamed", column=name, text=text) for name, text in renamed]
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


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
