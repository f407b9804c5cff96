"""Two-sample tests and distances on counts, in plain Python: 40 columns take a few milliseconds and no import.

Counts are of the reference first and of the window second, in the same cells. p-values are asymptotic; on binned values
they are conservative (the binned KS is never above the exact one).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

Counts = Sequence[float]

# Mean and standard deviation of the Kolmogorov distribution: what KS * sqrt(n) is when nothing has changed.
KOLMOGOROV_MEAN = math.sqrt(math.pi / 2) * math.log(2)
KOLMOGOROV_SD = math.sqrt(math.pi**2 / 12 - KOLMOGOROV_MEAN**2)
_FLOOR = 1e-4  # the share that PSI takes for an empty bucket


def ks(reference: Counts, window: Counts) -> float:
    """Largest difference of the two distribution functions at the cells' upper edges."""
    a, b = sum(reference), sum(window)
    gaps: list[float] = [abs(x / a - y / b) for x, y in zip(accumulate(reference), accumulate(window), strict=True)]
    return max(gaps, default=0.0)


def ks_p(distance: float, n: float, m: float) -> float:
    """Probability of a KS this large between samples of n and m rows of one distribution (Stephens' correction)."""
    root = math.sqrt(n * m / (n + m))
    return kolmogorov(distance * (root + 0.12 + 0.11 / root))


def kolmogorov(x: float) -> float:
    """P(K > x) of the Kolmogorov distribution."""
    if x < 0.3:
        return 1.0
    if x < 1.18:  # the other series converges faster here
        terms = (math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * x * x)) for k in range(1, 5))
        return 1.0 - math.sqrt(2 * math.pi) / x * sum(terms)
    return min(1.0, 2 * sum((1 if k % 2 else -1) * math.exp(-2 * k * k * x * x) for k in range(1, 6)))


def tvd(reference: Counts, window: Counts) -> float:
    """Total variation distance: half the summed difference of shares, 0 to 1."""
    a, b = sum(reference), sum(window)
    return sum(abs(x / a - y / b) for x, y in zip(reference, window, strict=True)) / 2


def pooled(reference: Counts, window: Counts, tail: int, *, enough: float = 5.0) -> tuple[list[float], list[float]]:
    """The table with its rare cells taken together, and with them the last `tail` (other and unseen values).

    Rare is where the smaller side would expect fewer than `enough` rows, judged by both sides: which of a long tail of
    values a reference happens to hold is chance, and cells chosen by the reference alone would show it as drift.
    """
    a, b = sum(reference), sum(window)
    share = min(a, b) / (a + b)
    left: list[float] = [0.0]
    right: list[float] = [0.0]
    for place, (x, y) in enumerate(zip(reference, window, strict=True), start=tail - len(reference)):
        if place < 0 and (x + y) * share >= enough:
            left.append(x)
            right.append(y)
        else:
            left[0] += x
            right[0] += y
    return left, right


def chi2_p(reference: Counts, window: Counts) -> float:
    """Of the 2 x k table, whose cells should not be rare (see `pooled`); empty cells do not count."""
    a, b = sum(reference), sum(window)
    cells = [(x, y) for x, y in zip(reference, window, strict=True) if x + y]
    if len(cells) < 2:
        return 1.0
    statistic = 0.0
    for x, y in cells:
        for seen, size in ((x, a), (y, b)):
            expected = (x + y) * size / (a + b)
            statistic += (seen - expected) ** 2 / expected
    return gamma_q((len(cells) - 1) / 2, statistic / 2)


def gamma_q(a: float, x: float) -> float:
    """Regularised upper incomplete gamma function Q(a, x): series below a + 1, continued fraction (Lentz) above."""
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        k = a
        while term > total * 1e-16:
            k += 1
            term *= x / k
            total += term
        return max(0.0, 1.0 - front * total)
    b = x + 1 - a
    c = 1e300
    d = 1 / b
    h = d
    for i in range(1, 10_000):
        b += 2
        d = 1 / (b - i * (i - a) * d)
        c = b - i * (i - a) / c
        h *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * h


def share_p(hits: float, n: float, other_hits: float, m: float) -> float:
    """Two shares, hits of n and other_hits of m, compared by the pooled normal test, two-sided."""
    pooled = (hits + other_hits) / (n + m)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return math.erfc(abs(hits / n - other_hits / m) / spread / math.sqrt(2)) if spread else 1.0


def psi(reference: Counts, window: Counts) -> float:
    """Population stability index; an empty bucket counts as one in ten thousand."""
    a, b = sum(reference), sum(window)
    shares = ((max(x / a, _FLOOR), max(y / b, _FLOOR)) for x, y in zip(reference, window, strict=True))
    return sum((q - p) * math.log(q / p) for p, q in shares)


def js(reference: Counts, window: Counts) -> float:
    """Jensen-Shannon distance to base 2 (the root of the divergence), 0 to 1."""
    a, b = sum(reference), sum(window)
    total = 0.0
    for x, y in zip(reference, window, strict=True):
        p, q = x / a, y / b
        middle = (p + q) / 2
        total += (p * math.log2(p / middle) if p else 0.0) + (q * math.log2(q / middle) if q else 0.0)
    return math.sqrt(max(0.0, total / 2))


def buckets(reference: Counts, window: Counts, size: int = 10) -> tuple[list[float], list[float]]:
    """Neighbouring cells joined to about `size` buckets with equal shares of the reference."""
    total = sum(reference)
    left: list[float] = [0.0]
    right: list[float] = [0.0]
    until = 0.0
    for x, y in zip(reference, window, strict=True):
        if until + x / 2 >= total * len(left) / size and len(left) < size and left[-1]:
            left.append(0.0)
            right.append(0.0)
        left[-1] += x
        right[-1] += y
        until += x
    return left, right


def w1(edges: Sequence[float], reference: Counts, window: Counts, tails: tuple[float, float]) -> float:
    """Wasserstein-1 distance in the column's unit: the area between the distribution functions.

    Within a bin both are taken as straight lines. `tails`: mean distance of the window beyond the outer edges minus
    the reference's, low and high, which is exact for the reference has (nearly) nothing there.
    """
    a, b = sum(reference), sum(window)
    gaps = [x / a - y / b for x, y in zip(accumulate(reference), accumulate(window), strict=True)]
    area = abs(tails[0]) + abs(tails[1])
    for (low, high), (left, right) in zip(pairwise(edges), pairwise(gaps[: len(edges)]), strict=True):
        area += (high - low) * _between(left, right)
    return area


def _between(left: float, right: float) -> float:
    """Mean of |d| where d goes from left to right in a straight line."""
    size = abs(left) + abs(right)
    if left * right >= 0:
        return size / 2
    return (left * left + right * right) / (2 * size)


def inverse(n: float, m: float) -> float:
    """How much two independent samples of n and m rows vary: the `inverse` of the functions below.

    For n rows taken out of the same m it is 1/n - 1/m.
    """
    return 1 / n + 1 / m


def ks_noise(inverse: float) -> tuple[float, float]:
    """Mean and standard deviation of the KS that sampling alone makes."""
    return KOLMOGOROV_MEAN * math.sqrt(inverse), KOLMOGOROV_SD * math.sqrt(inverse)


def tvd_noise(reference: Counts, inverse: float) -> tuple[float, float]:
    """Mean and standard deviation of the total variation distance that sampling alone makes."""
    total = sum(reference)
    variances = [x / total * (1 - x / total) * inverse for x in reference]
    mean = sum(math.sqrt(v) for v in variances) / math.sqrt(2 * math.pi)
    return mean, math.sqrt((1 - 2 / math.pi) * sum(variances)) / 2


def share_noise(share: float, inverse: float) -> tuple[float, float]:
    """Mean and standard deviation of the change of a share that sampling alone makes."""
    spread = math.sqrt(share * (1 - share) * inverse)
    return spread * math.sqrt(2 / math.pi), spread * math.sqrt(1 - 2 / math.pi)
