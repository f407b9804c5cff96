from __future__ import annotations

import math
import random
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.quality import sequential
from toolkit.quality.sequential import Share, Test, mean, needed

Test.__test__ = False  # type: ignore[attr-defined]  # a name that pytest would take for its own


def _pmf(k: int, n: int, m: int, odds: float) -> dict[int, float]:
    terms = {x: comb(k, x) * comb(n, m - x) * odds**x for x in range(max(0, m - n), min(k, m) + 1)}
    total = sum(terms.values())
    return {x: term / total for x, term in terms.items()}


@given(st.integers(1, 60), st.integers(1, 60), st.data(), st.floats(-4, 4))
def test_the_sum_over_tables_is_the_one_that_brute_force_gives(k: int, n: int, data: st.DataObject, log: float) -> None:
    m = data.draw(st.integers(1, k + n - 1))
    exact = math.log(sum(comb(k, x) * comb(n, m - x) * math.exp(log * x) for x in range(max(0, m - n), min(k, m) + 1)))
    tables = sequential.Tables(k, n, m)
    assert tables.log_sum(log) == pytest.approx(exact, abs=1e-9)
    several = tables.log_sums([0.0, log, -log])
    apart = [tables.log_sum(odds) - tables.log_sum(0.0) for odds in (0.0, log, -log)]
    assert [one - several[0] for one in several] == pytest.approx(apart, abs=1e-9)


@pytest.mark.parametrize("m", [64, 65])
def test_few_tables_and_many_are_added_up_to_the_same(m: int) -> None:
    tables = sequential.Tables(1_000_000, 3_000_000, m)
    logs = [math.log(odds) for odds in (1.0, 2 * 15.0, 1 / (2 * 15.0))]
    apart = [tables.log_sum(odds) - tables.log_sum(0.0) for odds in logs]
    found = tables.log_sums(logs)
    assert [one - found[0] for one in found] == pytest.approx(apart, abs=1e-7)


@given(st.integers(1, 30), st.integers(1, 30), st.data(), st.floats(1, 3), st.floats(0.1, 1), st.booleans())
def test_one_batch_is_worth_at_most_one_on_average_anywhere_in_the_null(
    k: int, n: int, data: st.DataObject, tolerance: float, inside: float, falls: bool
) -> None:
    """The definition of an e-value, by exact summation: at the border and inside."""
    m = data.draw(st.integers(1, k + n - 1))
    odds = 1 / (tolerance * inside) if falls else tolerance * inside
    expected = 0.0
    for x, chance in _pmf(k, n, m, odds).items():
        test = Test(tolerance, falls=falls)
        test.add(champion=Share(m - x, n), challenger=Share(x, k))
        expected += chance * math.exp(test.log_e)
    assert expected <= 1 + 1e-9


def test_outside_the_null_it_grows() -> None:
    test = Test()
    for _ in range(10):
        test.add(champion=Share(1, 90), challenger=Share(4, 10))
    assert test.log_e > needed(1e-6)
    mirrored = Test(falls=True)
    for _ in range(10):
        mirrored.add(champion=Share(80, 90), challenger=Share(2, 10))
    assert mirrored.log_e > needed(1e-6)


def test_what_tells_nothing_changes_nothing() -> None:
    test = Test()
    for champion, challenger in [((0, 90), (0, 10)), ((90, 90), (10, 10)), ((3, 90), (0, 0)), ((0, 0), (3, 10))]:
        test.add(Share(*champion), Share(*challenger))
    assert test.log_e == 0.0


def test_a_million_requests_are_one_batch_like_any() -> None:
    test = Test()
    test.add(champion=Share(50_000, 1_000_000), challenger=Share(5_000, 100_000))
    assert test.log_e == pytest.approx(-math.log(2))  # nothing but what has not begun yet


def test_a_challenger_that_turns_bad_late_is_found_as_soon_as_a_new_one_nearly() -> None:
    def looks(good: int) -> int:
        test = Test()
        for _ in range(good):
            test.add(champion=Share(2, 180), challenger=Share(0, 20))
        for look in range(1, 100):
            test.add(champion=Share(2, 180), challenger=Share(4, 20))
            if test.log_e >= needed(0.05):
                return look
        return 100

    assert looks(0) <= looks(500) <= looks(0) + 5


def test_means_of_logs_do_not_overflow() -> None:
    assert mean([]) == 0.0
    assert mean([2000.0, 0.0]) == pytest.approx(2000 - math.log(2))


def test_a_rate_that_changes_all_the_time_is_no_evidence() -> None:
    """What a test on pooled counts gets wrong: an outage that hits both, while the split changes."""
    generator = np.random.default_rng(1)
    false = 0
    for _ in range(300):
        test, fired = Test(), False
        for look in range(40):
            rate, share = (0.5, 0.5) if look % 10 == 0 else (0.01, 0.05)
            k = int(generator.binomial(200, share))
            bad = generator.binomial(200 - k, rate), generator.binomial(k, rate)
            test.add(Share(int(bad[0]), 200 - k), Share(int(bad[1]), k))
            fired = fired or test.log_e >= needed(0.05)
        false += fired
    assert false <= 300 * 0.05


def test_peeking_at_a_fixed_horizon_test_is_what_it_replaces() -> None:
    """The ablation: the usual z-test at every look sends many a good challenger back; this one does not."""
    generator = random.Random(2)
    naive = ours = 0
    for _ in range(200):
        bad, of = [0, 0], [0, 0]
        test, fired, fooled = Test(), False, False
        for _look in range(40):
            batch = []
            for side, requests in enumerate((150, 50)):
                found = sum(generator.random() < 0.05 for _ in range(requests))
                bad[side] += found
                of[side] += requests
                batch.append(Share(found, requests))
            test.add(batch[0], batch[1])
            fired = fired or test.log_e >= needed(0.05)
            pooled = sum(bad) / sum(of)
            spread = math.sqrt(pooled * (1 - pooled) * (1 / of[0] + 1 / of[1]))
            fooled = fooled or (bad[1] / of[1] - bad[0] / of[0]) / spread > 1.645
        naive, ours = naive + fooled, ours + fired
    assert ours <= 200 * 0.05 < 200 * 0.15 < naive
