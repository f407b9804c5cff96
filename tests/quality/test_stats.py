"""The tests and distances against scipy's, on the same samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special
from scipy import stats as oracle

from toolkit.quality import stats


@pytest.mark.parametrize("x", [0.05, 0.2, 0.31, 0.5, 0.8, 1.0, 1.17, 1.19, 1.36, 1.92, 2.5, 4.0])
def test_kolmogorov_tail(x: float) -> None:
    assert stats.kolmogorov(x) == pytest.approx(special.kolmogorov(x), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("a", [0.5, 1.0, 3.5, 10.0, 99.5])
@pytest.mark.parametrize("x", [0.0, 1e-6, 0.3, 2.0, 11.0, 80.0, 300.0])
def test_regularised_upper_gamma(a: float, x: float) -> None:
    assert stats.gamma_q(a, x) == pytest.approx(special.gammaincc(a, x), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(("n", "m"), [(500, 300), (20_000, 1000)])
@pytest.mark.parametrize("shift", [0.0, 0.08, 0.3])
def test_ks_and_its_p_value(n: int, m: int, shift: float) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, n), rng.normal(shift, 1, m)
    edges = np.unique(np.concatenate((a, b)))
    counts = [np.diff(np.searchsorted(np.sort(x), edges, side="right"), prepend=0).tolist() for x in (a, b)]
    exact = oracle.ks_2samp(a, b, method="asymp")
    found = stats.ks(*counts)
    assert found == pytest.approx(exact.statistic, abs=1e-12)
    assert stats.ks_p(found, n, m) == pytest.approx(exact.pvalue, rel=0.15, abs=1e-12)


def test_chi2_where_no_cell_is_rare() -> None:
    table = ([120, 300, 80, 500], [70, 130, 55, 245])
    exact = oracle.chi2_contingency(np.array(table), correction=False)
    assert stats.chi2_p(*table) == pytest.approx(exact.pvalue, rel=1e-9)


def test_rare_cells_are_taken_together() -> None:
    found = stats.pooled([5000, 4000, 1, 2, 90, 0], [520, 380, 0, 1, 10, 7], 2)
    assert found == ([93.0, 5000.0, 4000.0], [18.0, 520.0, 380.0])
    assert stats.pooled([10_000, 0, 0], [999, 0, 1], 2) == ([0.0, 10_000.0], [1.0, 999.0])
    assert stats.chi2_p([0, 10], [0, 10]) == 1.0  # one cell that is filled


def test_a_long_tail_is_no_drift() -> None:
    """Windows of the same heavy-tailed categories: the values that a reference of 4000 rows keeps are chance."""
    rng = np.random.default_rng(0)

    def counts(rows: int) -> list[int]:
        found: list[int] = np.bincount(rng.zipf(1.3, rows) % 5000, minlength=5000).tolist()
        return found

    reference = counts(4000)
    kept = sorted(range(5000), key=lambda i: -reference[i])[:200]
    alarms = ablated = 0
    for _ in range(200):
        window = counts(2000)
        then, now = (
            [*(side[i] for i in kept), sum(side) - sum(side[i] for i in kept), 0] for side in (reference, window)
        )
        alarms += stats.chi2_p(*stats.pooled(then, now, 2)) < 0.01
        ablated += stats.chi2_p(*stats.pooled(then, now, 0)) < 0.01  # with `other` a cell like any
    assert alarms <= 8
    assert ablated > 50


def test_share_against_the_table() -> None:
    exact = oracle.chi2_contingency(np.array([[30, 970], [55, 945]]), correction=False)
    assert stats.share_p(30, 1000, 55, 1000) == pytest.approx(exact.pvalue, rel=1e-9)
    assert stats.share_p(0, 10, 0, 10) == 1.0


def test_js_is_the_distance_to_base_two() -> None:
    from scipy.spatial.distance import jensenshannon

    a, b = [10, 0, 30, 60], [5, 5, 60, 30]
    assert stats.js(a, b) == pytest.approx(jensenshannon(a, b, base=2))
    assert stats.js(a, a) == 0.0


def test_psi_by_its_definition() -> None:
    assert stats.psi([50, 50], [40, 60]) == pytest.approx(-0.1 * math.log(0.8) + 0.1 * math.log(1.2))
    assert stats.psi([100, 0], [90, 10]) < 10  # an empty bucket is not infinite


def test_total_variation() -> None:
    assert stats.tvd([1, 1, 2], [2, 1, 1]) == pytest.approx(0.25)


def test_buckets_have_equal_shares_and_keep_every_row() -> None:
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 50, 256).tolist()
    left, right = stats.buckets(cells, cells[::-1])
    assert len(left) == 10
    assert sum(left) == sum(right) == sum(cells)
    assert max(left) < 1.2 * min(left)


def test_buckets_of_few_heavy_cells() -> None:
    assert stats.buckets([0, 900, 0, 100], [0, 1, 1, 1]) == ([900.0, 100.0], [1.0, 2.0])


def test_noise_is_what_sampling_makes() -> None:
    """Mean and sd of the distances of 400 windows to a reference, both from one distribution."""
    rng = np.random.default_rng(1)
    weights = np.array([0.5, 0.2, 0.2, 0.05, 0.05])
    n, m = 4000, 500
    reference = rng.multinomial(n, weights).tolist()
    drawn = [stats.tvd(rng.multinomial(n, weights).tolist(), rng.multinomial(m, weights).tolist()) for _ in range(400)]
    mean, sd = stats.tvd_noise(reference, stats.inverse(n, m))
    assert mean == pytest.approx(np.mean(drawn), rel=0.1)
    assert sd == pytest.approx(np.std(drawn), rel=0.35)
    uniform = [oracle.ks_2samp(rng.random(2000), rng.random(500), method="asymp").statistic for _ in range(200)]
    mean, sd = stats.ks_noise(stats.inverse(2000, 500))
    assert mean == pytest.approx(np.mean(uniform), rel=0.1)
    assert sd == pytest.approx(np.std(uniform), rel=0.25)
