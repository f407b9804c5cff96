"""Bins: what they enclose, that atoms are alone, and how exact KS and W1 come out against all values."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, wasserstein_distance

from toolkit.domain.records import Feature
from toolkit.quality import cut
from toolkit.quality.baseline import build_baseline
from toolkit.quality.bins import Categories
from toolkit.quality.counter import Counter
from toolkit.quality.drift import check
from toolkit.quality.merge import merge

SHAPES = ("normal", "lognormal", "gamma", "poisson", "zero-inflated", "offset")


def draw(shape: str, rows: int, rng: np.random.Generator, *, drift: bool) -> npt.NDArray[np.float64]:
    if shape == "normal":
        return rng.normal(0.2 if drift else 0.0, 1.1 if drift else 1.0, rows)
    if shape == "lognormal":
        return rng.lognormal(0.1 if drift else 0.0, 1.2, rows)
    if shape == "gamma":
        return rng.gamma(2, 2.4 if drift else 2.0, rows)
    if shape == "poisson":
        return rng.poisson(9 if drift else 8, rows).astype(np.float64)
    if shape == "offset":
        return 1.7e9 + rng.normal(0.2 if drift else 0.0, 1, rows)
    return np.where(rng.random(rows) < (0.5 if drift else 0.4), 0.0, rng.exponential(2, rows))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("drift", [False, True])
def test_ks_and_w1_are_exact_to_the_promise(shape: str, drift: bool) -> None:
    """KS within 5e-4 and W1 within 0.02 standard deviations of the exact ones, on 300,000 + 300,000 values."""
    rng = np.random.default_rng(5)
    reference, window = draw(shape, 300_000, rng, drift=False), draw(shape, 300_000, rng, drift=drift)
    baseline = build_baseline({"x": reference}, [Feature(name="x", dtype="float64")])
    counter = Counter(baseline)
    counter.add_columns({"x": window})
    found = check(baseline, merge([counter.take() or b""], baseline)).columns[0]
    assert found.effect == pytest.approx(ks_2samp(reference, window, method="asymp").statistic, abs=5e-4)
    exact = wasserstein_distance(reference - reference.mean(), window - reference.mean()) / reference.std()
    assert found.statistics["w1"] == pytest.approx(exact, abs=0.02)


def test_w1_is_exact_beyond_the_reference_too() -> None:
    rng = np.random.default_rng(6)
    reference, window = rng.normal(0, 1, 20_000), rng.normal(7, 2, 5000)
    baseline = build_baseline({"x": reference}, [Feature(name="x", dtype="float64")])
    counter = Counter(baseline)
    counter.add_columns({"x": window})
    found = check(baseline, merge([counter.take() or b""], baseline)).columns[0]
    exact = wasserstein_distance(reference, window) / reference.std()
    assert found.statistics["w1"] == pytest.approx(exact, abs=0.01)


def test_a_heavy_value_has_a_bin_of_its_own() -> None:
    rng = np.random.default_rng(0)
    values = np.concatenate((rng.normal(0, 1, 900), np.full(100, 0.25)))
    edges = np.array(cut.edges(values))
    above = edges[edges >= 0.25][0]
    below = edges[edges < 0.25][-1]
    assert above - below < 1e-5


def test_few_values_are_told_apart() -> None:
    edges = np.array(cut.edges(np.array([3.0, 1.0, 2.0, 2.0])))
    assert len(np.unique(np.searchsorted(edges, [0.0, 1.0, 2.0, 3.0, 4.0]))) == 5


def test_a_float32_copy_of_a_value_falls_in_its_bin() -> None:
    edges = np.array(cut.edges(np.array([0.1, 0.2, 0.7] * 10)))
    copies = np.array([0.1, 0.2, 0.7], dtype=np.float32).astype(np.float64)
    assert (np.searchsorted(edges, copies) == np.searchsorted(edges, [0.1, 0.2, 0.7])).all()


numbers = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=300)


@settings(deadline=None)
@given(numbers)
def test_edges_rise_and_enclose_every_finite_value(values: list[float]) -> None:
    array = np.array(values)
    edges = cut.edges(array)
    finite = array[np.isfinite(array)]
    assert all(a < b for a, b in pairwise(edges))
    assert all(map(math.isfinite, edges))
    assert len(edges) <= 2 * cut.BINS
    if len(finite):
        assert edges[0] <= finite.min()
        assert finite.max() <= edges[-1]
    else:
        assert not edges


def test_a_half_is_an_edge_of_a_binary_score() -> None:
    rng = np.random.default_rng(0)
    assert 0.5 in cut.edges(rng.random(1000), also=[0.5])
    assert 0.5 in cut.edges(np.full(10, 0.5), also=[0.5])
    assert 0.5 in cut.edges(np.full(10, 0.01), also=[0.5])


def test_categories_keep_the_most_frequent() -> None:
    values = [f"v{i}" for i in range(300) for _ in range(2 if i < 200 else 1)]
    kept = cut.categories("c", [*values, None, ""])
    assert len(kept.values) == cut.KEPT
    assert not kept.closed
    assert set(kept.values) == {f"v{i}" for i in range(200)}
    assert cut.categories("c", ["b", "a", None]) == Categories("c", ("a", "b"), closed=True)
