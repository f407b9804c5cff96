"""A small mixed reference and windows of it, from a seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toolkit.domain.records import Feature
from toolkit.quality.baseline import Baseline, build_baseline

Frame = dict[str, list[Any]]
FEATURES = (
    Feature(name="normal", dtype="float64"),
    Feature(name="skewed", dtype="float64"),
    Feature(name="count", dtype="int64"),
    Feature(name="gaps", dtype="float64"),
    Feature(name="colour", dtype="string"),
    Feature(name="plate", dtype="string"),
    Feature(name="flag", dtype="bool"),
    Feature(name="seen", dtype="datetime"),
)


def draw(rows: int, seed: int, shift: float = 0.0) -> Frame:
    """`shift` moves `normal` by so many standard deviations, and `colour` towards red."""
    rng = np.random.default_rng(seed)
    gaps = np.where(rng.random(rows) < 0.4, 0.0, rng.exponential(2, rows)).tolist()
    colours = np.array(["red", "green", "blue", None], dtype=object)
    red = 0.4 + min(shift / 4, 0.3)
    rest = (1 - red) / 3
    return {
        "normal": rng.normal(shift, 1, rows).tolist(),
        "skewed": rng.lognormal(0, 1.2, rows).tolist(),
        "count": rng.poisson(7, rows).tolist(),
        "gaps": [None if rng.random() < 0.1 else value for value in gaps],
        "colour": rng.choice(colours, rows, p=[red, rest, rest, rest]).tolist(),
        "plate": [f"N{n}" for n in rng.zipf(1.3, rows) % 5000],
        "flag": (rng.random(rows) < 0.3).tolist(),
        "seen": [f"2013-01-{1 + i % 28:02}T00:00:00Z" if i % 10 else None for i in range(rows)],
    }


def scores(rows: int, seed: int) -> tuple[list[float], list[str]]:
    """Calibrated probabilities and the labels drawn from them."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(1.5, 3, rows)
    return chance.tolist(), ["yes" if hit else "no" for hit in rng.random(rows) < chance]


@pytest.fixture(scope="session")
def baseline() -> Baseline:
    chance, labels = scores(4000, 1)
    return build_baseline(draw(4000, 0), FEATURES, chance, labels, "binary", ("no", "yes"))


@pytest.fixture(scope="session")
def window() -> Callable[..., Frame]:
    return draw


@pytest.fixture(scope="session")
def features() -> tuple[Feature, ...]:
    return FEATURES


@pytest.fixture(scope="session")
def scored() -> Callable[[int, int], tuple[list[float], list[str]]]:
    return scores
