"""The table against scikit-learn's isotonic regression, and what it does with cells that have no row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from toolkit.quality import cut
from toolkit.quality.bins import Numbers
from toolkit.quality.calibration import isotonic, table

pairs = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=40)


@settings(deadline=None)
@given(pairs)
def test_pooling_is_least_squares(found: list[tuple[float, int]]) -> None:
    values, weights = [value for value, _ in found], [weight for _, weight in found]
    exact = (
        IsotonicRegression().fit(np.arange(len(values)), values, sample_weight=weights).predict(np.arange(len(values)))
    )
    assert isotonic(values, weights) == pytest.approx(exact.tolist(), abs=1e-6)


def test_a_table_tells_the_true_shares() -> None:
    """Scores that are too sure: the table knows the real share at every score."""
    rng = np.random.default_rng(0)
    scores = rng.random(60_000)
    real = 0.25 + scores / 2
    bins = Numbers("p", cut.edges(scores, also=[0.5]))
    found = table(bins, scores, rng.random(60_000) < real)
    assert list(found) == sorted(found)
    for score in (0.1, 0.5, 0.9):
        assert found[int(np.searchsorted(bins.edges, score))] == pytest.approx(0.25 + score / 2, abs=0.03)


def test_cells_without_a_row_lie_between_their_neighbours() -> None:
    bins = Numbers("p", (0.2, 0.4, 0.6, 0.8))
    assert table(bins, np.array([0.1, 0.7]), np.array([False, True])) == pytest.approx((0, 1 / 3, 2 / 3, 1, 1))
