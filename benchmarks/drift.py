"""Drift: what counting, merging, checking and profiling cost, beside what people use, in one run.

    python benchmarks/drift.py [--json] [--rows 1000000] [--profiles 10000]

Needs scipy and pandas beside the package's own extras. Wall times are the best of a few; trust the ratios.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.batch import profile_frame
from toolkit.quality.counter import Counter
from toolkit.quality.drift import Checked, check
from toolkit.quality.merge import merge

NUMBERS, TEXTS = 30, 10
DRIFTED = {"x0", "x1", "x12", "x18", "c0", "c3"}


def draw(rows: int, seed: int, *, drift: bool = False) -> pl.DataFrame:
    """30 numeric columns (normal, lognormal, Poisson, zero-inflated; three with nulls) and 10 of texts, 3 to 200."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for i in range(NUMBERS):
        move = drift and f"x{i}" in DRIFTED
        if i < 12:
            values = rng.normal(i + 0.3 * move, 1, rows)
        elif i < 18:
            values = rng.lognormal(0.3 * move, 0.5 + i / 20, rows)
        elif i < 24:
            values = rng.poisson((3 + 5 * (i - 18)) * (1.3 if move else 1.0), rows).astype(np.float64)
        else:
            values = np.where(rng.random(rows) < 0.4, 0.0, rng.exponential(2, rows))
        series = pl.Series(f"x{i}", values)
        columns[f"x{i}"] = series.set(pl.Series(rng.random(rows) < 0.02), None) if 3 <= i < 6 else series
    for i, kinds in enumerate((3, 5, 8, 12, 20, 40, 60, 80, 120, 200)):
        weights = 1 / np.arange(1, kinds + 1) ** 0.8
        weights[0] *= 2 if drift and f"c{i}" in DRIFTED else 1
        codes = rng.choice(kinds, rows, p=weights / weights.sum())
        names = pl.Series([f"c{i}-{k}" for k in range(kinds)])
        columns[f"c{i}"] = names.gather(codes).alias(f"c{i}")
    return pl.DataFrame(columns)


def baseline_of(frame: pl.DataFrame) -> Baseline:
    features = [Feature(name=c, dtype="string" if c[0] == "c" else "float64") for c in frame.columns]
    return build_baseline({c: frame[c].to_list() for c in frame.columns}, features)


def best(work: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """(wall, CPU) seconds of the quickest run."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


class Table:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.ratios: dict[str, float] = {}

    def add(self, name: str, value: float, unit: str) -> float:
        self.rows.append({"name": name, "value": value, "unit": unit})
        return value

    def show(self) -> None:
        for row in self.rows:
            print(f"{row['name']:58} {row['value']:12.4g} {row['unit']}")
        for name, value in self.ratios.items():
            print(f"{name:58} {value:12.3g} times")


def counting(table: Table, baseline: Baseline) -> None:
    frame = draw(1000, 3)
    rows = frame.rows()
    texts = [json.dumps(dict(zip(frame.columns, row, strict=True))) for row in rows]
    counter = Counter(baseline)
    loads, _ = best(lambda: [json.loads(text) for text in texts], 5)

    def add_rows() -> None:
        for row in rows:
            counter.add_row(row)

    single, _ = best(add_rows, 5)
    hundred = {name: frame[name][:100].to_list() for name in frame.columns}
    many = {name: draw(10_000, 4)[name].to_list() for name in frame.columns}
    table.add("json.loads of a 40-column row", loads * 1e3, "us")
    table.add("count a row, plain Python", single * 1e3, "us")
    table.add("count 100 rows, numpy", best(lambda: counter.add_columns(hundred), 20)[0] * 1e4, "us a row")
    table.add("count 10,000 rows, numpy", best(lambda: counter.add_columns(many), 3)[0] * 1e2, "us a row")
    table.ratios["count_row_over_json_loads"] = single / loads


def merging(table: Table, baseline: Baseline, number: int) -> None:
    """The same number of profiles, of few rows each and of a hundred times as many."""

    def profiles(rows: int) -> list[bytes]:
        counter = Counter(baseline)
        frame = draw(rows, 5)
        counter.add_columns({name: frame[name].to_list() for name in frame.columns})
        return [counter.take() or b""] * number

    seconds = {}
    for rows in (100, 10_000):
        data = profiles(rows)
        table.add(f"bytes of a profile of {rows:,} rows", len(data[0]), "bytes")

        def work(data: list[bytes] = data) -> Checked:
            return check(baseline, merge(data, baseline))

        seconds[rows], cpu = best(work, 3)
        table.add(f"merge and check {number:,} profiles ({rows * number:,} rows)", seconds[rows], "s")
        table.add(f"merge and check {number:,} profiles, CPU", cpu, "s")
    table.add("check alone", best(lambda: check(baseline, baseline.reference()), 5)[0] * 1e3, "ms")
    table.ratios["merge_100x_rows_over_1x"] = seconds[10_000] / seconds[100]


def files(table: Table, baseline: Baseline, folder: Path, rows: int) -> None:
    reference, window = folder / "reference.parquet", folder / "window.parquet"
    draw(rows, 1).write_parquet(reference)
    draw(rows, 2, drift=True).write_parquet(window)

    def scan() -> None:
        lazy = pl.scan_parquet(window)
        lazy.select(pl.col(pl.Float64).sum(), pl.col(pl.String).str.len_bytes().sum()).collect(engine="streaming")

    wall, cpu = best(scan, 3)
    ours, our_cpu = best(lambda: check(baseline, profile_frame(window, baseline)), 3)
    peer, peer_cpu = best(lambda: scipy_loop(reference, window), 1)
    for name, a, b in (("scan of the file (sums)", wall, cpu), ("profile and check", ours, our_cpu)):
        table.add(f"{name}, {rows:,} rows x 40", a, "s")
        table.add(f"{name}, CPU", b, "s")
    table.add("scipy ks_2samp loop over pandas, reference and window", peer, "s")
    table.add("scipy ks_2samp loop, CPU", peer_cpu, "s")
    table.ratios |= {
        "ours_over_scan": ours / wall,
        "ours_over_scan_cpu": our_cpu / cpu,
        "scipy_over_ours": peer / ours,
        "scipy_over_ours_cpu": peer_cpu / our_cpu,
    }
    exactness(table, baseline, window, reference)


def scipy_loop(reference: Path, window: Path) -> list[float]:
    import pandas as pd
    from scipy.stats import ks_2samp

    a, b = pd.read_parquet(reference), pd.read_parquet(window)
    names = [name for name in a if name.startswith("x")]
    return [ks_2samp(a[name].dropna(), b[name].dropna(), method="asymp").statistic for name in names]


def exactness(table: Table, baseline: Baseline, window: Path, reference: Path) -> None:
    """Largest error of KS and W1 over the numeric columns, against all values of both files."""
    from scipy.stats import ks_2samp, wasserstein_distance

    then, now = pl.read_parquet(reference), pl.read_parquet(window)
    whole = baseline_of(then)
    found = {column.name: column for column in check(whole, profile_frame(now, whole)).columns}
    errors = []
    for i in (0, 5, 12, 17, 18, 24, 29):
        a, b = (side[f"x{i}"].drop_nulls().to_numpy() for side in (then, now))
        ours = found[f"x{i}"]
        ks = ks_2samp(a, b, method="asymp").statistic
        errors.append((abs(ours.effect - ks), abs(ours.statistics["w1"] - wasserstein_distance(a, b) / a.std())))
    table.add("largest error of KS", max(ks for ks, _ in errors), "")
    table.add("largest error of W1", max(w1 for _, w1 in errors), "sd")


def alarms(table: Table, baseline: Baseline) -> None:
    """Quiet windows that alarm, and drifted columns found, beside the usual rule on the same windows."""

    def windows(rows: int, count: int, *, drift: bool) -> Iterator[Checked]:
        for seed in range(count):
            yield check(baseline, profile_frame(draw(rows, 1000 + seed, drift=drift), baseline))

    for rows, count in ((200, 40), (1000, 60), (10_000, 10)):
        quiet = list(windows(rows, count, drift=False))
        table.add(f"n={rows:,}: windows with an alarm", sum(c.verdict == "drift" for c in quiet) / count, "")
        naive = sum(any(c.statistics["p"] < 0.05 for c in found.columns) for found in quiet) / count
        table.add(f"n={rows:,}: the same windows by p < 0.05", naive, "")
        hits = 0
        for found in windows(rows, 10, drift=True):
            hits += sum(c.verdict == "drift" for c in found.columns if c.name in DRIFTED)
        table.add(f"n={rows:,}: drifted columns found", hits / (10 * len(DRIFTED)), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--profiles", type=int, default=10_000)
    options = parser.parse_args()
    table = Table()
    baseline = baseline_of(draw(100_000, 0))
    table.add("bytes of the baseline", len(baseline.to_bytes()), "bytes")
    counting(table, baseline)
    merging(table, baseline, options.profiles)
    with tempfile.TemporaryDirectory() as folder:
        files(table, baseline, Path(folder), options.rows)
    alarms(table, baseline)
    if options.json:
        json.dump({"rows": table.rows, "ratios": table.ratios}, sys.stdout)
    else:
        table.show()


if __name__ == "__main__":
    main()
