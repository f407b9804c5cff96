"""What alarms, what does not, and each of the three conditions by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from toolkit.domain.errors import ConfigError
from toolkit.domain.records import ColumnDrift, Feature
from toolkit.quality.baseline import Baseline, Limit, build_baseline
from toolkit.quality.counter import Counter
from toolkit.quality.drift import Checked, check
from toolkit.quality.merge import merge

Frame = dict[str, Any]
X = [Feature(name="x", dtype="float64")]


def checked(baseline: Baseline, frame: Frame, scores: Any = None, **options: Any) -> Checked:
    counter = Counter(baseline)
    counter.add_columns(frame, scores)
    return check(baseline, merge([counter.take() or b""], baseline), **options)


def columns(found: Checked) -> dict[str, ColumnDrift]:
    return {column.name: column for column in found.columns}


def test_the_reference_itself_is_quiet(baseline: Baseline) -> None:
    found = check(baseline, baseline.reference())
    assert found.verdict == "ok"
    assert max(column.effect for column in found.columns) == pytest.approx(0)
    assert found.performance["estimated_accuracy"] == pytest.approx(found.performance["reference_accuracy"], abs=0.01)


def test_a_quiet_window(baseline: Baseline, window: Callable[..., Frame], scored: Any) -> None:
    found = checked(baseline, window(2000, seed=77), scored(2000, 78)[0])
    assert found.verdict == "ok"
    assert {column.verdict for column in found.columns} == {"ok"}


def test_the_columns_that_moved_are_named(baseline: Baseline, window: Callable[..., Frame], scored: Any) -> None:
    found = checked(baseline, window(2000, seed=5, shift=0.8), scored(2000, 6)[0])
    assert found.verdict == "drift"
    assert {column.name for column in found.columns if column.verdict == "drift"} == {"normal", "colour"}
    normal = columns(found)["normal"]
    assert normal.effect == pytest.approx(0.31, abs=0.04)  # KS of a shift by 0.8 sd
    assert normal.statistics["w1"] == pytest.approx(0.8, abs=0.08)
    assert normal.statistics["mean_shift"] == pytest.approx(0.8, abs=0.08)
    assert normal.statistics["psi"] > 0.5
    assert normal.statistics["p"] < 1e-9
    assert {"psi", "js", "p", "limit"} <= columns(found)["colour"].statistics.keys()


def test_prediction_drift_is_a_column(baseline: Baseline, window: Callable[..., Frame]) -> None:
    found = checked(baseline, window(1000, seed=5), np.linspace(0.4, 0.9, 1000))
    assert columns(found)["prediction"].verdict == "drift"


def test_too_few_rows_is_a_result(baseline: Baseline, window: Callable[..., Frame]) -> None:
    frame = window(199, seed=1, shift=5.0)
    found = checked(baseline, frame, [0.99] * 199)
    assert found.verdict == "not enough data"
    assert {column.verdict for column in found.columns} == {"not enough data"}
    assert columns(found)["normal"].effect > 0.5  # shown, not judged
    assert not [name for name in found.performance if name.startswith("estimated")]
    assert checked(baseline, frame, [0.99] * 199, min_rows=100).verdict == "drift"
    assert check(baseline, merge([], baseline)).verdict == "not enough data"


def test_significant_but_small_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    baseline = build_baseline({"x": rng.normal(0, 1, 100_000)}, X)
    small = {"x": rng.normal(0.05, 1, 100_000)}
    found = checked(baseline, small)
    assert found.columns[0].statistics["p"] < 1e-9
    assert found.verdict == "ok"
    assert checked(baseline, small, effect=0.01).verdict == "drift"


def test_large_but_not_significant_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    baseline = build_baseline({"x": rng.normal(0, 1, 10_000)}, X)
    found = checked(baseline, {"x": rng.normal(0.1, 1, 200)})
    assert found.columns[0].effect > 0.05
    assert found.verdict == "ok"


def test_what_the_reference_does_itself_is_no_drift() -> None:
    """Weeks that swing: a week like those of the reference is quiet, one far outside them is not."""
    rng = np.random.default_rng(0)
    weeks = np.repeat(np.arange(20), 500)
    values = rng.normal(np.sin(weeks), 1)
    baseline = build_baseline({"x": values}, X, order=np.arange(10_000))
    usual, unusual = {"x": rng.normal(0.9, 1, 500)}, {"x": rng.normal(3.0, 1, 500)}
    assert checked(baseline, usual).verdict == "ok"
    assert checked(baseline, unusual).verdict == "drift"
    ablated = msgspec.structs.replace(baseline, limits=(Limit(),))
    assert checked(ablated, usual).verdict == "drift"


def test_small_chunks_do_not_deafen_the_check() -> None:
    """Chunks of 200 rows vary by sampling alone; that is taken out, so a small reference still sees drift."""
    rng = np.random.default_rng(0)
    baseline = build_baseline({"x": rng.normal(0, 1, 1000)}, X)
    raw = baseline.limits[0].distance + 3 * baseline.limits[0].distance_sd
    found = checked(baseline, {"x": rng.normal(0.25, 1, 5000)}).columns[0]
    assert found.statistics["limit"] < raw
    assert found.verdict == "drift"


def test_nulls_that_appear_are_drift(baseline: Baseline, window: Callable[..., Frame], scored: Any) -> None:
    frame = window(1000, seed=3)
    frame["normal"] = [None if i % 4 else value for i, value in enumerate(frame["normal"])]
    frame["seen"] = [None] * 1000
    found = checked(baseline, frame, scored(1000, 4)[0])
    assert {column.name for column in found.columns if column.verdict == "drift"} == {"normal", "seen"}
    assert columns(found)["normal"].effect == pytest.approx(0.75)
    assert found.quality["normal.null_change"] == pytest.approx(0.75)
    assert found.quality["seen.null_change"] == pytest.approx(0.9)


def test_times_move_without_alarm(baseline: Baseline, window: Callable[..., Frame], scored: Any) -> None:
    frame = window(1000, seed=3)
    frame["seen"] = ["2031" + value[4:] if value else None for value in frame["seen"]]
    assert checked(baseline, frame, scored(1000, 4)[0]).verdict == "ok"


def test_data_quality(baseline: Baseline, window: Callable[..., Frame]) -> None:
    frame = window(1000, seed=3)
    frame["colour"] = ["violet"] * 100 + ["red"] * 900
    frame["count"] = [10_000] * 50 + frame["count"][50:]
    frame["plate"] = ["N-new"] * 1000
    found = checked(baseline, frame, [0.5] * 1000)
    assert found.quality["colour.unseen"] == pytest.approx(0.1)
    assert found.quality["count.out_of_range"] == pytest.approx(0.05)
    assert "plate.unseen" not in found.quality  # an open column cannot tell new from rare
    assert columns(found)["plate"].verdict == "drift"


def test_a_column_that_is_mostly_null_waits_for_values() -> None:
    rng = np.random.default_rng(0)
    sparse = [None if i % 10 else float(value) for i, value in enumerate(rng.normal(0, 1, 5000))]
    baseline = build_baseline({"x": sparse, "y": rng.normal(0, 1, 5000)}, [*X, Feature(name="y", dtype="float64")])
    found = checked(baseline, {"x": sparse[:1000], "y": rng.normal(0, 1, 1000).tolist()})
    assert [column.verdict for column in found.columns] == ["not enough data", "ok"]
    assert found.verdict == "ok"


def test_empty_columns_stay_quiet_until_values_come() -> None:
    baseline = build_baseline({"x": [None] * 500}, X)
    assert checked(baseline, {"x": [None] * 500}).columns[0].verdict == "ok"
    assert checked(baseline, {"x": [1.0] * 500}).columns[0].verdict == "drift"


def test_infinite_values_leave_no_infinite_statistics() -> None:
    baseline = build_baseline({"x": [float(i) for i in range(1000)]}, X)
    found = checked(baseline, {"x": [float("inf"), 1e300] * 500})
    assert found.columns[0].verdict == "drift"
    assert all(np.isfinite(value) for value in found.columns[0].statistics.values())
    msgspec.json.encode(found.columns)


def test_another_baseline_is_refused(baseline: Baseline) -> None:
    other = build_baseline({"x": [1.0] * 10}, X)
    with pytest.raises(ConfigError, match="another baseline"):
        check(baseline, other.reference())
