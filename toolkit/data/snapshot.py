"""A dataset version: Parquet parts named by their digest, then the record that makes them exist.

Rows keep their order and are cut into parts of 50,000, so that a table that grew at its end shares every full part with
the version before: only what is new is sent. The same frame gives the same bytes in every process; the same bytes are
never stored twice; the same table and contract are the same version, also where only the order of the rows differs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.domain import digest, times
from toolkit.domain.errors import Corrupt, NotFound, StorageFull
from toolkit.domain.records import DataFile, Dataset, Schema
from toolkit.ports.store import Store
from toolkit.state.blobs import Blobs
from toolkit.state.datasets import Datasets

if TYPE_CHECKING:
    import polars as pl

ROWS = 50_000


def take(
    store: Store,
    name: str,
    frame: pl.DataFrame,
    schema: Schema,
    *,
    source: str,
    created: str,
    actor: str = "",
    until: str = "",
    report: dict[str, Any] | None = None,
    advance: Callable[[int], None] = lambda rows: None,
) -> Dataset:
    """The version of this table, stored: an earlier one's record where nothing changed. `advance` counts rows."""
    with tempfile.TemporaryDirectory(prefix="toolkit-snapshot-") as folder:
        files = tuple(_parts(frame, Path(folder), advance))
        version = digest.of_value({"schema": schema, "files": [file.digest for file in files]})
        latest = _latest(store, name)
        if latest is not None and (latest.version == version or _reordered(store, latest, frame, schema)):
            return latest
        for file in files:
            Blobs(store).put_file(Path(folder) / file.name)
    dataset = Dataset(
        name=name,
        version=version,
        schema=schema,
        files=files,
        rows=len(frame),
        source=source,
        created=created,
        until=until or covered(frame, schema),
        parent=latest.version if latest is not None and _grew(latest.files, files) else "",
        report=report or {},
    )
    return Datasets(store).save(dataset, actor=actor)


def covered(frame: pl.DataFrame, schema: Schema) -> str:
    """The last event time of the rows, as text; "" where there is no time column."""
    named = schema.of_role("time")
    last: Any = frame[named[0].name].max() if named else None
    if last is None:
        return ""
    return times.text(times.parse(last.isoformat()))


def load(store: Store, dataset: Dataset, folder: Path) -> pl.LazyFrame:
    """The rows, in order. Parts are kept in `folder` by digest and verified each time they are used.

    Raises NotFound or Corrupt (naming the blob), StorageFull.
    """
    import polars as pl

    blobs = Blobs(store)
    paths = []
    for file in dataset.files:
        path = folder / f"{file.digest}.parquet"
        if not path.is_file() or digest.of_file(path) != file.digest:
            _fetch(blobs, file, path, dataset)
        paths.append(path)
    return pl.scan_parquet(paths, glob=False)


def _fetch(blobs: Blobs, file: DataFile, path: Path, dataset: Dataset) -> None:
    where = f"part {file.name} of dataset {dataset.name} {dataset.version[:12]}"
    try:
        blobs.fetch(file.digest, path)
    except NotFound as error:
        raise Corrupt(f"{where} is gone from the store", hint="toolkit data ingest stores it again") from error
    except OSError as error:
        if error.errno == 28:  # ENOSPC
            raise StorageFull(f"no space left in {path.parent} for {where}", hint="free some space") from error
        raise


def parquet(frame: pl.DataFrame, path: Path) -> None:
    """The same bytes for equal frames, however they came about (chunks, slices)."""
    frame.rechunk().write_parquet(
        path, compression="zstd", compression_level=3, statistics=True, row_group_size=ROWS, use_pyarrow=False
    )


def _parts(frame: pl.DataFrame, folder: Path, advance: Callable[[int], None]) -> Iterator[DataFile]:
    """The parts, written into `folder` under their names."""
    for number, start in enumerate(range(0, len(frame), ROWS)):
        part = frame.slice(start, ROWS)
        path = folder / f"{number:05d}"
        parquet(part, path)
        yield DataFile(digest=digest.of_file(path), size=path.stat().st_size, rows=len(part), name=path.name)
        advance(len(part))


def _reordered(store: Store, latest: Dataset, frame: pl.DataFrame, schema: Schema) -> bool:
    """Are these the rows of `latest` in another order? (A join in `prepare` need not keep one.)"""
    if latest.rows != len(frame) or latest.schema != schema:
        return False
    with tempfile.TemporaryDirectory(prefix="toolkit-snapshot-") as folder:
        try:
            before = load(store, latest, Path(folder)).collect()
        except Corrupt:
            return False  # stored anew, then
        return before.schema == frame.schema and bool((_sorted(before) == _sorted(frame)).all())


def _sorted(frame: pl.DataFrame) -> pl.Series:
    return frame.hash_rows().sort()


def _latest(store: Store, name: str) -> Dataset | None:
    try:
        return Datasets(store).latest(name)
    except NotFound:
        return None


def _grew(before: tuple[DataFile, ...], now: tuple[DataFile, ...]) -> bool:
    """Does `now` begin with every full part of `before`, and go on?"""
    full = [file.digest for file in before if file.rows == ROWS]
    longer = sum(file.rows for file in now) > sum(file.rows for file in before)
    return bool(full) and longer and [file.digest for file in now[: len(full)]] == full
