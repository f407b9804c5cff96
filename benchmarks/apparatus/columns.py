"""Rows of 40 columns that drift or do not, for whatever measures drift; and the cost of a piece of work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from toolkit.quality.baseline import Baseline

NUMBERS, TEXTS = 30, 10
DRIFTED = {"x0", "x1", "x12", "x18", "c0", "c3"}


def draw(rows: int, seed: int, *, drift: bool = False) -> pl.DataFrame:
    """30 numeric columns (normal, lognormal, Poisson, zero-inflated; three with nulls) and 10 of texts, 3 to 200."""
    import numpy as np
    import polars as pl

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
    from toolkit.domain.records import Feature
    from toolkit.quality.baseline import build_baseline

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
