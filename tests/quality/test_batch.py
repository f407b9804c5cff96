"""Files and frames are counted cell by cell as the serving counter counts the same rows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from toolkit.domain.errors import DataError
from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.batch import profile_frame
from toolkit.quality.counter import Counter
from toolkit.quality.merge import merge

Frame = dict[str, list[Any]]
SCHEMA = {"count": pl.Int64, "flag": pl.Boolean, "colour": pl.String, "plate": pl.String}


def counted(baseline: Baseline, frame: Frame, scores: list[float]) -> bytes:
    counter = Counter(baseline)
    for values, score in zip(zip(*frame.values(), strict=True), scores, strict=True):
        counter.add_row(values, score)
    return counter.take() or b""


@pytest.mark.parametrize("form", ["frame", "lazy", "file", "files", "csv", "csvs"])
def test_the_batch_path_equals_the_counter(
    baseline: Baseline, window: Callable[..., Frame], tmp_path: Path, form: str
) -> None:
    frame = window(9000, seed=3, shift=1.0)
    frame["colour"][:50] = ["violet", "", None, "red", "x"] * 10
    frame["normal"][:4] = [float("nan"), float("inf"), float("-inf"), None]
    scores = [(i % 1000) / 1000 for i in range(9000)]
    data = pl.DataFrame({**frame, "p": scores}, schema_overrides=SCHEMA, strict=False)
    source: Any = data
    if form == "lazy":
        source = data.lazy()
    elif form == "file":
        data.write_parquet(source := tmp_path / "window.parquet")
    elif form == "files":
        for part in range(3):
            data[part * 3000 : (part + 1) * 3000].write_parquet(tmp_path / f"part-{part}.parquet")
        source = tmp_path / "*.parquet"
    elif form == "csv":
        data.write_csv(source := tmp_path / "window.csv")
    elif form == "csvs":
        for part in range(3):
            data[part * 3000 : (part + 1) * 3000].write_csv(tmp_path / f"part-{part}.csv")
        source = str(tmp_path / "*.csv")
    one = profile_frame(source, baseline, scores="p")
    other = merge([counted(baseline, frame, scores)], baseline)
    assert one.rows == other.rows == 9000
    assert one.counts == other.counts
    for a, b in zip(one.moments, other.moments, strict=True):
        assert (a.minimum, a.maximum) == (b.minimum, b.maximum)
        assert a == pytest.approx(b, rel=1e-9)


def test_classes_have_a_column_each() -> None:
    chances = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]] * 200
    x = [float(i) for i in range(400)]
    baseline = build_baseline(
        {"x": x}, [Feature(name="x", dtype="float64")], chances, None, "multiclass", ("a", "b", "c")
    )
    frame = pl.DataFrame({"x": x, "pa": [p[0] for p in chances], "pb": 0.15, "pc": [p[2] for p in chances]})
    counter = Counter(baseline)
    counter.add_columns({"x": x}, [[p[0], 0.15, p[2]] for p in chances])
    found = profile_frame(frame, baseline, scores=("pa", "pb", "pc"))
    assert found.counts == merge([counter.take() or b""], baseline).counts


def test_missing_columns_and_unreadable_files(baseline: Baseline, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="columns are missing: normal, skewed"):
        profile_frame(pl.DataFrame({"count": [1]}), baseline)
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 not really")
    for name in ("bad.parquet", "none.parquet", "none.csv"):
        with pytest.raises(DataError, match="the window cannot be read"):
            profile_frame(tmp_path / name, baseline)


def test_an_empty_frame_is_an_empty_profile(baseline: Baseline, window: Callable[..., Frame]) -> None:
    empty = pl.DataFrame(window(10, seed=1), schema_overrides=SCHEMA, strict=False).clear()
    assert profile_frame(empty, baseline) == merge([], baseline)


def test_a_file_that_is_damaged_in_its_middle_is_refused(tmp_path: Path) -> None:
    baseline = build_baseline({"x": [1.0, 2.0, 3.0]}, [Feature(name="x", dtype="float64")])
    pl.DataFrame({"x": [float(i) for i in range(300_000)]}).write_parquet(file := tmp_path / "window.parquet")
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = bytes(5000)
    file.write_bytes(content)
    with pytest.raises(DataError, match="the window cannot be read"):
        profile_frame(file, baseline)


HUNDRED = """
import resource, sys
from pathlib import Path
from toolkit.quality.baseline import from_bytes
from toolkit.quality.batch import profile_frame

folder = Path(sys.argv[1])
baseline = from_bytes((folder / "baseline").read_bytes())
few = profile_frame(folder / "few-*.parquet", baseline).rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
many = profile_frame(folder / "*.parquet", baseline).rows
print(few, many, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_a_hundred_million_rows_take_the_memory_of_five(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    million = {"x": rng.normal(size=1_000_000), "k": rng.choice(["a", "b", "c", "d"], 1_000_000)}
    kinds: Any = {"x": "float64", "k": "string"}
    head = {name: values[:50_000].tolist() for name, values in million.items()}
    baseline = build_baseline(head, [Feature(name=name, dtype=kinds[name]) for name in head])
    (tmp_path / "baseline").write_bytes(baseline.to_bytes())
    pl.DataFrame(million).write_parquet(tmp_path / "few-0.parquet")
    for number in range(1, 100):
        (tmp_path / f"{'few' if number < 5 else 'more'}-{number}.parquet").hardlink_to(tmp_path / "few-0.parquet")
    done = subprocess.run([sys.executable, "-c", HUNDRED, str(tmp_path)], capture_output=True, text=True, check=True)
    few, many, grown = map(int, done.stdout.split())
    assert (few, many) == (5_000_000, 100_000_000)
    assert grown < 64, f"{grown} MB more"
