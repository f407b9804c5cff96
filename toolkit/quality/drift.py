"""Has the window moved away from what the model learnt on? One verdict a column, and one over all.

A column drifts when its change is significant (p below alpha shared out over the columns) AND its effect (KS for
numbers, total variation for categories, rare ones taken together) is above the floor AND above what the reference's own
chunks show. The chunk limit is mean + 3 standard deviations over the chunks, carried over to the window's size: a small
window is given the room that its own sampling takes, a large one is not given that of the chunks. A change of the share
of nulls is judged by the same three. Too few rows is a result, not an alarm.

PSI, Jensen-Shannon and Wasserstein-1 are reported for people who compare with other tools; they decide nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from toolkit.domain.errors import ConfigError
from toolkit.domain.records import ColumnDrift
from toolkit.quality import stats
from toolkit.quality.baseline import Baseline, Limit
from toolkit.quality.bins import TAIL, Bins, Categories, Numbers, Presence
from toolkit.quality.estimate import estimate
from toolkit.quality.profile import Moments, Profile
from toolkit.quality.shape import shapes

Verdict = Literal["ok", "drift", "not enough data"]
MIN_ROWS = 200
EFFECT = 0.05
ALPHA = 0.05


class Checked(NamedTuple):
    """What a report is made of. `columns` ends with the pseudo column `prediction` where the model gives scores.

    `quality`: `<column>.null_change` (share now minus then), `.unseen` and `.out_of_range` (shares of the values),
    where they are not 0. `performance`: `reference_*` measured in training, `estimated_*` of the window.
    """

    verdict: Verdict
    columns: tuple[ColumnDrift, ...]
    quality: dict[str, float]
    performance: dict[str, float]


class _Test(NamedTuple):
    p: float
    effect: float
    limit: float


class _Sides(NamedTuple):
    """A column's cells and sums in the reference and in the window, the null cell last."""

    bins: Bins
    reference: Sequence[int]
    window: Sequence[int]
    limit: Limit
    chunk_rows: int


def check(
    baseline: Baseline, profile: Profile, *, min_rows: int = MIN_ROWS, effect: float = EFFECT, alpha: float = ALPHA
) -> Checked:
    """Compare a window with the reference. Pure, plain Python, a few milliseconds for 40 columns whatever the rows.

    Raises ConfigError for a profile that was counted against another baseline.
    """
    if profile.baseline != baseline.name:
        raise ConfigError("the profile was counted against another baseline", hint="check each model version by itself")
    level = alpha / max(1, len(baseline.columns))
    sums = iter(zip(baseline.sums, profile.moments, strict=True))
    columns = []
    quality: dict[str, float] = {}
    for index, bins in enumerate(baseline.columns):
        sides = _sides(baseline, profile, index)
        moments = next(sums) if isinstance(bins, Numbers) else None
        enough = min_rows if profile.rows >= min_rows else profile.rows + 1
        columns.append(_column(sides, baseline.scales[index], moments, enough, effect, level))
        if index < len(baseline.features):
            quality |= _quality(sides)
    performance = {f"reference_{name}": value for name, value in baseline.metrics.items()}
    if profile.rows >= min_rows:
        performance |= estimate(baseline, profile)
    shown = tuple(
        msgspec.structs.replace(column, shape=shape)
        for column, shape in zip(columns, shapes(baseline, profile), strict=True)
    )
    return Checked(_overall(columns, profile.rows >= min_rows), shown, quality, performance)


def _overall(columns: Sequence[ColumnDrift], enough: bool) -> Verdict:
    if not enough or (columns and all(column.verdict == "not enough data" for column in columns)):
        return "not enough data"
    return "drift" if any(column.verdict == "drift" for column in columns) else "ok"


def _sides(baseline: Baseline, profile: Profile, index: int) -> _Sides:
    bins = baseline.columns[index]
    cells = slice(baseline.offsets[index], baseline.offsets[index] + bins.size)
    chunk_rows = baseline.chunk_rows[index >= len(baseline.features)]
    return _Sides(bins, baseline.counts[cells], profile.counts[cells], baseline.limits[index], chunk_rows)


def _column(
    sides: _Sides, scale: float, moments: tuple[Moments, Moments] | None, min_rows: int, floor: float, level: float
) -> ColumnDrift:
    values, rows = sum(sides.window[:-1]), sum(sides.window)
    by_value, by_null = _value_test(sides), _null_test(sides)
    tests = [test for test in (by_value, by_null) if test]
    judged = [test for test, n in ((by_value, values), (by_null, rows)) if test and n >= min_rows]
    moved = any(t.p * len(judged) < level and t.effect > floor and t.effect > t.limit for t in judged)
    unsure = rows < min_rows or (by_value is not None and values < min_rows)
    statistics = {"null_change": _null_change(sides)} if rows and sum(sides.reference) else {}
    if tests:
        statistics["p"] = min(1.0, min(test.p for test in tests) * len(tests))
    if by_value:
        statistics |= {"limit": by_value.limit} | _distances(sides, scale, moments)
    return ColumnDrift(
        name=sides.bins.name,
        effect=max((test.effect for test in tests), default=0.0),
        statistics={name: value for name, value in statistics.items() if math.isfinite(value)},
        verdict="drift" if moved else "not enough data" if unsure else "ok",
    )


def _value_test(sides: _Sides) -> _Test | None:
    """Of the values that are not null; None where a side has none, and for times, which always move."""
    reference, window = sides.reference[:-1], sides.window[:-1]
    n, m = sum(reference), sum(window)
    if isinstance(sides.bins, Presence) or not n or not m:
        return None
    mean, sd = sides.limit.distance, sides.limit.distance_sd
    chunk = sides.chunk_rows * n / sum(sides.reference)
    own = 1 / chunk - 1 / n if chunk else 0.0
    between = stats.inverse(n, m)
    if isinstance(sides.bins, Numbers):
        effect = stats.ks(reference, window)
        limit = _limit(mean, sd, stats.ks_noise(own), stats.ks_noise(between))
        return _Test(stats.ks_p(effect, n, m), effect, limit)
    then, now = stats.pooled(reference, window, TAIL)
    limit = _limit(mean, sd, stats.tvd_noise(then, own), stats.tvd_noise(then, between))
    return _Test(stats.chi2_p(then, now), stats.tvd(then, now), limit)


def _null_test(sides: _Sides) -> _Test | None:
    """Of the share of nulls; None where there are none on either side."""
    n, m = sum(sides.reference), sum(sides.window)
    before, now = sides.reference[-1], sides.window[-1]
    if not n or not m or not (before or now):
        return None
    share = before / n
    own = stats.share_noise(share, 1 / sides.chunk_rows - 1 / n if sides.chunk_rows else 0.0)
    limit = _limit(sides.limit.nulls, sides.limit.nulls_sd, own, stats.share_noise(share, stats.inverse(n, m)))
    return _Test(stats.share_p(before, n, now, m), abs(_null_change(sides)), limit)


def _limit(mean: float, sd: float, own: tuple[float, float], between: tuple[float, float]) -> float:
    """Mean + 3 sd of the chunks, without what their own sampling made of it (`own`), with what the window's makes."""
    natural = max(0.0, (mean + 3 * sd) ** 2 - (own[0] + 3 * own[1]) ** 2)
    return math.sqrt(natural + (between[0] + 3 * between[1]) ** 2)


def _null_change(sides: _Sides) -> float:
    return sides.window[-1] / sum(sides.window) - sides.reference[-1] / sum(sides.reference)


def _distances(sides: _Sides, scale: float, moments: tuple[Moments, Moments] | None) -> dict[str, float]:
    """PSI and JS (numbers: in ten buckets of equal reference share), W1 and the mean's move in reference sd."""
    reference, window = sides.reference[:-1], sides.window[:-1]
    if not isinstance(sides.bins, Numbers) or moments is None:
        left, right = stats.pooled(reference, window, TAIL)
        return {"psi": stats.psi(left, right), "js": stats.js(left, right)}
    left, right = stats.buckets(reference, window)
    found = {"psi": stats.psi(left, right), "js": stats.js(left, right)}
    if scale > 0:
        then, now = moments
        n, m = sum(reference), sum(window)
        tails = (now.below / m - then.below / n, now.above / m - then.above / n)
        found["w1"] = stats.w1(sides.bins.edges, reference, window, tails) / scale
        found["mean_shift"] = (now.total / m - then.total / n) / scale
    return found


def _quality(sides: _Sides) -> dict[str, float]:
    values = sum(sides.window[:-1])
    found = {"null_change": _null_change(sides)} if sum(sides.window) and sum(sides.reference) else {}
    if values and isinstance(sides.bins, Categories):
        found["unseen"] = sides.window[sides.bins.unseen] / values
    elif values and isinstance(sides.bins, Numbers) and sides.bins.edges:
        found["out_of_range"] = (sides.window[0] + sides.window[sides.bins.over]) / values
    return {f"{sides.bins.name}.{name}": value for name, value in found.items() if value}
