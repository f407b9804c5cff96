"""Versions of a table: equal bytes for equal rows, nothing stored twice, nothing read unverified."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from msgspec.structs import replace

from toolkit.adapters.memory.store import MemoryStore
from toolkit.data import snapshot
from toolkit.domain.errors import Corrupt
from toolkit.domain.records import Column, Dataset, Schema
from toolkit.ports.store import Meta
from toolkit.state import keys

SCHEMA = Schema(columns=(Column(name="n", dtype="int64"), Column(name="t", dtype="datetime", role="time")))


class Counting(MemoryStore):
    """A memory store that counts what is written."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.written: list[str] = []

    def put(self, key: str, data: bytes, *args: Any, **options: Any) -> Meta:
        self.written.append(key)
        return super().put(key, data, *args, **options)

    def upload(self, key: str, *args: Any, **options: Any) -> Meta:
        self.written.append(key)
        return super().upload(key, *args, **options)

    def blobs(self) -> int:
        return len({key for key in self.written if key.startswith("blobs/")})


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(str(tmp_path))


def table(rows: int, first: int = 0) -> pl.DataFrame:
    n = pl.int_range(first, first + rows, eager=True).alias("n")
    return n.to_frame().with_columns(t=pl.datetime(2024, 1, 1, time_zone="UTC") + pl.duration(seconds="n"))


def take(store: Counting, frame: pl.DataFrame, schema: Schema = SCHEMA) -> Dataset:
    return snapshot.take(
        store, "shop", frame, schema, source="data/*", created="2024-01-01T00:00:00.000000Z", actor="me"
    )


def test_it_comes_back_in_order(store: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "ROWS", 1000)
    frame = table(2500)
    dataset = take(store, frame)
    assert [(f.name, f.rows) for f in dataset.files] == [("00000", 1000), ("00001", 1000), ("00002", 500)]
    assert (dataset.rows, dataset.until, dataset.parent) == (2500, "2024-01-01T00:41:39.000000Z", "")
    assert snapshot.load(store, dataset, tmp_path / "cache").collect().equals(frame)


def test_the_same_data_is_the_same_version_and_sends_nothing(store: Counting) -> None:
    first = take(store, table(1000))
    store.written.clear()
    again = take(store, pl.concat([table(400), table(600, 400)], rechunk=False))
    assert again == first
    assert store.written == []


def test_what_grew_sends_only_what_is_new(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "ROWS", 1000)
    first = take(store, table(2500))
    store.written.clear()
    second = take(store, table(3700))
    assert store.blobs() == 2
    assert [f.digest for f in second.files[:2]] == [f.digest for f in first.files[:2]]
    assert second.parent == first.version != second.version
    third = take(store, table(3700, 5))
    assert third.parent == ""


def test_the_same_rows_in_another_order_are_the_same_version(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "ROWS", 1000)
    first = take(store, table(2500))
    store.written.clear()
    assert take(store, table(2500).sample(fraction=1.0, shuffle=True, seed=1)) == first
    assert store.written == []
    twice = pl.concat([table(2499), table(1)]).with_columns(n=pl.when(pl.col("n") == 1).then(2).otherwise("n"))
    assert take(store, twice.with_columns(pl.col("n").cast(pl.Int64))).version != first.version


def test_another_contract_is_another_version_of_the_same_parts(store: Counting) -> None:
    first = take(store, table(1000))
    store.written.clear()
    second = take(store, table(1000), Schema(columns=(replace(SCHEMA.columns[0], role="id"), SCHEMA.columns[1])))
    assert second.version != first.version
    assert second.files == first.files
    assert store.blobs() == 0


def test_the_record_comes_last(store: Counting) -> None:
    """Whoever dies before has left blobs that nothing names."""
    take(store, table(1000))
    kinds = [key.split("/")[0] for key in store.written]
    assert kinds.index("datasets") > max(i for i, kind in enumerate(kinds) if kind == "blobs")


CODE = """
import sys, hashlib, pathlib, polars as pl
from toolkit.data.snapshot import parquet
frame = pl.DataFrame({"n": [1, None, 3] * 20000, "s": ["a", None, "long enough to be no inline view"] * 20000})
parquet(frame, pathlib.Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, None, 3] * 20000, "s": ["a", None, "long enough to be no inline view"] * 20000})
    snapshot.parquet(pl.concat([frame.head(7), frame.slice(7)], rechunk=False), tmp_path / "here")
    for threads in ("1", "2"):
        environment = {"PYTHONHASHSEED": threads, "POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-c", CODE, str(tmp_path / "there")], check=True, env=environment)
        found = [hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("here", "there")]
        assert found[0] == found[1]


def test_parts_are_kept_and_verified(store: Counting, tmp_path: Path) -> None:
    dataset = take(store, table(1000))
    cache = tmp_path / "cache"
    snapshot.load(store, dataset, cache).collect()
    part = cache / f"{dataset.files[0].digest}.parquet"
    key = keys.blob(dataset.files[0].digest)
    good = store.get(key).data
    store.delete(key)
    assert snapshot.load(store, dataset, cache).collect().height == 1000  # from the folder
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(Corrupt, match=r"part 00000 of dataset shop .* is gone"):
        snapshot.load(store, dataset, cache)
    store.put(key, good)
    assert snapshot.load(store, dataset, cache).collect().height == 1000
    part.unlink()
    store.put(key, good[:-1] + b"x")
    with pytest.raises(Corrupt, match=dataset.files[0].digest[:12]):
        snapshot.load(store, dataset, cache)
    assert not part.exists()


def test_a_table_without_times_covers_none(store: Counting) -> None:
    schema = Schema(columns=SCHEMA.columns[:1])
    assert take(store, table(10).select("n"), schema).until == ""
    dates = table(10).with_columns(pl.col("t").dt.date())
    assert take(store, dates, Schema(columns=(SCHEMA.columns[0], replace(SCHEMA.columns[1], dtype="date")))).until == (
        "2024-01-01T00:00:00.000000Z"
    )
