"""How often quiet windows alarm and how many drifted columns are found, on seeded streams.

`benchmarks/drift.py` prints the same as a table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline
from toolkit.quality.counter import Counter
from toolkit.quality.drift import Checked, check
from toolkit.quality.merge import merge

Frame = dict[str, Any]
DRIFTED = {"n0", "n1", "l0", "p0", "z0", "c0"}


def draw(rows: int, rng: np.random.Generator, drift: bool = False) -> Frame:
    """40 columns as they come in practice; of a drifted window, six have really moved."""
    frame: Frame = {}
    for i in range(12):
        frame[f"n{i}"] = rng.normal(0.35 if drift and i < 2 else 0.0, 1, rows)
    for i in range(6):
        frame[f"l{i}"] = rng.lognormal(0.35 if drift and i == 0 else 0.0, 0.6 + i / 6, rows)
    for i in range(6):
        frame[f"p{i}"] = rng.poisson((3 + 6 * i) * (1.3 if drift and i == 0 else 1.0), rows)
    for i in range(6):
        zeros = rng.random(rows) < (0.6 if drift and i == 0 else 0.4)
        frame[f"z{i}"] = np.where(zeros, 0.0, rng.exponential(2, rows))
    for i, kinds in enumerate((3, 4, 6, 10, 20, 40, 80, 120, 200, 1000)):
        weights = 1 / np.arange(1, kinds + 1) ** 0.8
        if drift and i == 0:
            weights[0] *= 2
        frame[f"c{i}"] = [f"v{k}" for k in rng.choice(kinds, rows, p=weights / weights.sum())]
    return frame


def checked(baseline: Baseline, frame: Frame) -> Checked:
    counter = Counter(baseline)
    counter.add_columns(frame)
    return check(baseline, merge([counter.take() or b""], baseline))


@pytest.fixture(scope="module")
def reference() -> Baseline:
    frame = draw(50_000, np.random.default_rng(11))
    dtype: Any = {True: "string", False: "float64"}
    return build_baseline(frame, [Feature(name=name, dtype=dtype[name[0] == "c"]) for name in frame])


@pytest.mark.parametrize(("rows", "windows"), [(200, 40), (1000, 60), (5000, 10)])
def test_quiet_windows_are_quiet_and_drift_is_found(reference: Baseline, rows: int, windows: int) -> None:
    rng = np.random.default_rng(rows)
    quiet = [checked(reference, draw(rows, rng)) for _ in range(windows)]
    moved = [checked(reference, draw(rows, rng, drift=True)) for _ in range(5)]
    alarms = sum(found.verdict == "drift" for found in quiet) / windows
    naive = sum(any(c.statistics["p"] < 0.05 for c in found.columns) for found in quiet) / windows
    named = [{c.name for c in found.columns if c.verdict == "drift"} for found in moved]
    power = sum(len(names & DRIFTED) for names in named) / (5 * len(DRIFTED))
    assert alarms <= (0.05 if rows >= 1000 else 0.1)
    assert naive > 0.5  # the same windows under the usual rule
    if rows >= 1000:
        assert power >= 0.95
