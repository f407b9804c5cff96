"""Is the challenger worse than the champion? A test that may be looked at as often as one likes.

Both answer the same traffic, split at random. Of one batch of traffic with n champion and k challenger requests, m of
all being bad (an error, slow, a wrong label, a score in some bin), the number of bad ones that fell on the challenger
is distributed, given n, k and m, as Fisher's noncentral hypergeometric: only the odds ratio between the two is left,
and the rate itself is gone. So it may change from batch to batch as it will (a night, a campaign, an outage of both).

For two odds ratios the ratio of the likelihoods of a batch has the expectation 1 under the first, hence their product
over batches is a test martingale, and by Ville's inequality the chance that it EVER passes 1/alpha is at most alpha
(Ville 1939; Turner, Ly and Gruenwald 2024, "Generic E-variables for exact sequential k-sample tests that allow for
optional stopping"; Howard, Ramdas, McAuliffe and Sekhon 2021). Looking after every batch costs nothing. A mean over
several alternatives, or over several tests however they depend on each other, is a martingale again: one number.

The null hypothesis is "odds ratio <= `tolerance`", composite: the ratio grows with the count (monotone likelihood
ratio), so the expectation is below 1 everywhere inside it.

A challenger may be good for an hour and then turn bad. So the alternative begins with any of the batches: batch t has
the prior weight 1/(t (t+1)), the weights add up to 1, and a martingale that has not begun yet is worth 1. An hour of
good conduct then costs a few batches of delay, where one product from the first batch on would have to be earned back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

ALTERNATIVES = (1.25, 1.6, 2.5, 5.0, 15.0)  # times the tolerance: small differences late, large ones at once
FEW = 64  # tables that are gone through one by one: the largest term fits a float by far
_NEGLIGIBLE = 1e-18


class Share(NamedTuple):
    """`bad` of `of` requests (or labels, or rows)."""

    bad: int
    of: int


class Test:
    """Against "the challenger's odds of bad are at most `tolerance` times the champion's"; with `falls`, against "at
    least 1/tolerance times". `log_e` of 0.0 says nothing either way; `needed(alpha)` and more refuses the null at level
    alpha, at whatever moment it is looked at. Batches must be cut by time or count, never by outcome.
    """

    def __init__(self, tolerance: float = 1.0, *, falls: bool = False) -> None:
        sign = -1.0 if falls else 1.0
        null = sign * math.log(tolerance)
        self._steps = [sign * math.log(alternative) for alternative in ALTERNATIVES]
        self._odds = [null, *(null + step for step in self._steps)]
        self._begun = [-math.inf] * len(ALTERNATIVES)  # log of the sum over the stretches it may have begun with
        self._batches = 0

    def add(self, champion: Share, challenger: Share) -> None:
        bad, of = champion.bad + challenger.bad, champion.of + challenger.of
        if not champion.of or not challenger.of or bad in (0, of):
            return  # one side only, or all alike: nothing to tell them apart by
        self._batches += 1
        prior = -math.log(self._batches * (self._batches + 1))
        at_null, *alternatives = tables(challenger.of, champion.of, bad).log_sums(self._odds)
        for index, (step, log_sum) in enumerate(zip(self._steps, alternatives, strict=True)):
            likelier = challenger.bad * step + at_null - log_sum
            self._begun[index] = _added(self._begun[index], prior) + likelier

    @property
    def log_e(self) -> float:
        not_yet = -math.log(self._batches + 1)
        return mean([_added(begun, not_yet) for begun in self._begun])


def mean(logs: Sequence[float]) -> float:
    """log of the mean of e-values that are given as logs; 0.0 of none."""
    if not logs:
        return 0.0
    top = max(logs)
    return top + math.log(sum(math.exp(value - top) for value in logs) / len(logs))


def needed(alpha: float) -> float:
    """What a log e-value has to reach."""
    return -math.log(alpha)


def _added(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high + math.log1p(math.exp(low - high))


class Tables:
    """The tables of one batch: x of `m` bad ones on the challenger's `k` requests, the rest on the champion's `n`."""

    def __init__(self, k: int, n: int, m: int) -> None:
        self.k, self.n, self.m = k, n, m
        self.low, self.high = max(0, m - n), min(k, m)
        self._mode_of_equals = self._mode(1.0)
        self._up: list[float] = []
        self._down: list[float] = []
        if self.high - self.low <= FEW:
            self._up = [self._ratio(x) for x in range(self._mode_of_equals, self.high)]
            self._down = [1 / self._ratio(x - 1) for x in range(self._mode_of_equals, self.low, -1)]

    def log_sums(self, log_odds: Sequence[float]) -> list[float]:
        """`log_sum` of each, but for a constant that all of them share. Few tables are gone through whole, from the
        ends inwards: every term is in the same ratio to its neighbour, times the odds."""
        if self.high - self.low > FEW:
            return [self.log_sum(log) for log in log_odds]
        sums = []
        for log in log_odds:
            odds, above, below = math.exp(log), 0.0, 0.0
            for ratio in reversed(self._up):
                above = (above + 1.0) * ratio * odds
            for ratio in reversed(self._down):
                below = (below + 1.0) * ratio / odds
            sums.append(math.log(1.0 + above + below) + self._mode_of_equals * log)
        return sums

    def log_sum(self, log_odds: float) -> float:
        """log of the sum over all tables of C(k, x) C(n, m-x) odds^x: from its largest term outwards, in both ways."""
        odds = math.exp(log_odds)
        mode = self._mode(odds)
        total, term = 1.0, 1.0
        for x in range(mode, self.high):
            term *= self._ratio(x) * odds
            total += term
            if term < _NEGLIGIBLE * total:
                break
        term = 1.0
        for x in range(mode, self.low, -1):
            term /= self._ratio(x - 1) * odds
            total += term
            if term < _NEGLIGIBLE * total:
                break
        return math.log(total) + _log_choose(self.k, mode) + _log_choose(self.n, self.m - mode) + mode * log_odds

    def _ratio(self, x: int) -> float:
        """The (x+1)-th term over the x-th, without the odds."""
        return (self.k - x) * (self.m - x) / ((x + 1) * (self.n - self.m + x + 1))

    def _mode(self, odds: float) -> int:
        """Where the terms stop growing: the root of a quadratic (Liao and Rosen 2001), rounded into the support."""
        a = odds - 1.0
        b = -((self.k + self.m + 2) * odds + self.n - self.m)
        c = (self.k + 1) * (self.m + 1) * odds
        q = -(b - math.sqrt(max(b * b - 4 * a * c, 0.0))) / 2
        return min(max(int(c / q), self.low), self.high)


@lru_cache(maxsize=256)
def tables(k: int, n: int, m: int) -> Tables:
    """Both tests of a bin, and the same batch judged again, look at the same ones."""
    return Tables(k, n, m)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
