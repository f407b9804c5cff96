"""Drift: what counting, merging, checking and profiling cost, and how right the verdicts are, in one run.

40 columns. Wall times are the best of a few; trust the ratios. Counting is beside `json.loads` of the same row, a
window of Parquet beside a scan of the file and beside a loop of scipy's KS over pandas, verdicts on seeded streams
beside the usual p < 0.05, distances beside the exact ones of all values. NannyML and Evidently are in `drift_peers`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.apparatus.columns import DRIFTED, baseline_of, best, draw
from benchmarks.apparatus.report import Report, options

if TYPE_CHECKING:
    from toolkit.quality.baseline import Baseline
    from toolkit.quality.drift import Checked

# rows of a window, how many of them are quiet, how many drift
WINDOWS = ((200, 40, 10), (1000, 60, 10), (10_000, 20, 5))
QUICK = ((200, 5, 1), (1000, 5, 1))


def main(argv: list[str] | None = None) -> None:
    asked = options(__doc__, argv, rows=1_000_000, profiles=10_000)
    rows, profiles = (100_000, 500) if asked.quick else (asked.rows, asked.profiles)
    report = Report("drift", "Drift, 40 columns")
    baseline = baseline_of(draw(100_000, 0))
    report.add("bytes of the baseline", len(baseline.to_bytes()), "bytes")
    counting(report, baseline)
    merging(report, baseline, profiles)
    with tempfile.TemporaryDirectory() as folder:
        files(report, baseline, Path(folder), rows)
    alarms(report, baseline, QUICK if asked.quick else WINDOWS)
    report.show(asked)


def counting(report: Report, baseline: Baseline) -> None:
    from toolkit.quality.counter import Counter

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
    report.add("json.loads of a 40-column row", loads * 1e3, "us")
    report.add("count a row, plain Python", single * 1e3, "us")
    report.add("count 100 rows, numpy", best(lambda: counter.add_columns(hundred), 20)[0] * 1e4, "us a row")
    report.add("count 10,000 rows, numpy", best(lambda: counter.add_columns(many), 3)[0] * 1e2, "us a row")
    report.ratio("count_row_over_json_loads", single / loads)


def merging(report: Report, baseline: Baseline, number: int) -> None:
    """The same number of profiles, of few rows each and of a hundred times as many."""
    from toolkit.quality.counter import Counter
    from toolkit.quality.drift import check
    from toolkit.quality.merge import merge

    def profiles(rows: int) -> list[bytes]:
        counter = Counter(baseline)
        frame = draw(rows, 5)
        counter.add_columns({name: frame[name].to_list() for name in frame.columns})
        return [counter.take() or b""] * number

    seconds = {}
    for rows in (100, 10_000):
        data = profiles(rows)
        report.add(f"bytes of a profile of {rows:,} rows", len(data[0]), "bytes")

        def work(data: list[bytes] = data) -> Checked:
            return check(baseline, merge(data, baseline))

        seconds[rows], cpu = best(work, 5)
        report.add(f"merge and check {number:,} profiles ({rows * number:,} rows)", seconds[rows], "s")
        report.add(f"merge and check {number:,} profiles ({rows * number:,} rows), CPU", cpu, "s")
    report.add("check alone", best(lambda: check(baseline, baseline.reference()), 5)[0] * 1e3, "ms")
    report.ratio("merge_100x_rows_over_1x", seconds[10_000] / seconds[100])


def files(report: Report, baseline: Baseline, folder: Path, rows: int) -> None:
    import polars as pl

    from toolkit.quality.batch import profile_frame
    from toolkit.quality.drift import check

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
        report.add(f"{name}, {rows:,} rows x 40", a, "s")
        report.add(f"{name}, CPU", b, "s")
    report.add("scipy ks_2samp loop over pandas, reference and window", peer, "s")
    report.add("scipy ks_2samp loop, CPU", peer_cpu, "s")
    report.ratio("ours_over_scan", ours / wall)
    report.ratio("ours_over_scan_cpu", our_cpu / cpu)
    report.ratio("scipy_over_ours", peer / ours)
    report.ratio("scipy_over_ours_cpu", peer_cpu / our_cpu)
    exactness(report, window, reference)


def scipy_loop(reference: Path, window: Path) -> list[float]:
    import pandas as pd
    from scipy.stats import ks_2samp

    a, b = pd.read_parquet(reference), pd.read_parquet(window)
    names = [name for name in a if name.startswith("x")]
    return [ks_2samp(a[name].dropna(), b[name].dropna(), method="asymp").statistic for name in names]


def exactness(report: Report, window: Path, reference: Path) -> None:
    """Largest error of KS and W1 over the numeric columns, against all values of both files."""
    import polars as pl
    from scipy.stats import ks_2samp, wasserstein_distance

    from toolkit.quality.batch import profile_frame
    from toolkit.quality.drift import check

    then, now = pl.read_parquet(reference), pl.read_parquet(window)
    whole = baseline_of(then)
    found = {column.name: column for column in check(whole, profile_frame(now, whole)).columns}
    errors = []
    for i in (0, 5, 12, 17, 18, 24, 29):
        a, b = (side[f"x{i}"].drop_nulls().to_numpy() for side in (then, now))
        ours = found[f"x{i}"]
        ks = ks_2samp(a, b, method="asymp").statistic
        errors.append((abs(ours.effect - ks), abs(ours.statistics["w1"] - wasserstein_distance(a, b) / a.std())))
    report.add("largest error of KS", max(ks for ks, _ in errors), "")
    report.add("largest error of W1", max(w1 for _, w1 in errors), "sd")


def alarms(report: Report, baseline: Baseline, sizes: tuple[tuple[int, int, int], ...]) -> None:
    """Quiet windows that alarm, and drifted columns found, beside the usual rule on the same windows."""
    from toolkit.quality.batch import profile_frame
    from toolkit.quality.drift import check

    def windows(rows: int, count: int, *, drift: bool) -> Iterator[Checked]:
        for seed in range(count):
            yield check(baseline, profile_frame(draw(rows, 1000 + seed, drift=drift), baseline))

    for rows, quiet, drifting in sizes:
        found = list(windows(rows, quiet, drift=False))
        report.add(f"n={rows:,}: quiet windows", quiet, "")
        report.add(f"n={rows:,}: quiet windows with an alarm", sum(c.verdict == "drift" for c in found) / quiet, "")
        naive = sum(any(c.statistics["p"] < 0.05 for c in each.columns) for each in found) / quiet
        report.add(f"n={rows:,}: the same by p < 0.05", naive, "")
        hits = 0
        for each in windows(rows, drifting, drift=True):
            hits += sum(c.verdict == "drift" for c in each.columns if c.name in DRIFTED)
        report.add(f"n={rows:,}: drifted columns found", hits / (drifting * len(DRIFTED)), "")


if __name__ == "__main__":
    main()
