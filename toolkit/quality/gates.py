"""Whether a model may be promoted: bounds on its metrics, and on how much worse than the champion it may be."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from toolkit.domain.errors import GateFailed

if TYPE_CHECKING:
    from toolkit.domain.config import Gate

Bound = Literal["min", "max", "max_drop"]

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "accuracy": True,
    "roc_auc": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "macro_f1": True,
    "r2": True,
    "log_loss": False,
    "brier": False,
    "rmse": False,
    "mae": False,
}
_LOWER = ("loss", "error", "rmse", "mae", "mse", "brier")


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """One bound, judged. `value` is what was measured (for max_drop: the drop), None where the metric is missing."""

    gate: Bound
    metric: str
    value: float | None
    threshold: float
    passed: bool
    why: str


def check(
    gates: Iterable[Gate], metrics: Mapping[str, float], champion_metrics: Mapping[str, float] | None = None
) -> list[GateResult]:
    """Every bound of every gate. Without a champion there is nothing to drop from, so `max_drop` passes."""
    found = []
    for gate in gates:
        for bound, threshold in (("min", gate.min), ("max", gate.max), ("max_drop", gate.max_drop)):
            if threshold is not None:
                found.append(_judge(bound, gate.metric, threshold, metrics, champion_metrics))  # type: ignore[arg-type]
    return found


def require(
    gates: Iterable[Gate], metrics: Mapping[str, float], champion_metrics: Mapping[str, float] | None = None
) -> list[GateResult]:
    """What `check` found, if all passed. Raises GateFailed naming each failed gate, its value and its threshold."""
    found = check(gates, metrics, champion_metrics)
    failed = [result for result in found if not result.passed]
    if failed:
        raise GateFailed("; ".join(result.why for result in failed), hint="toolkit models show")
    return found


def higher_is_better(metric: str) -> bool:
    """By the table; a metric of the user's own by its name (hinge_loss, test_rmse: lower is better)."""
    known = HIGHER_IS_BETTER.get(metric)
    return known if known is not None else not any(word in metric.lower() for word in _LOWER)


def _judge(
    bound: Bound,
    metric: str,
    threshold: float,
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None,
) -> GateResult:
    def result(value: float | None, passed: bool, why: str) -> GateResult:
        return GateResult(gate=bound, metric=metric, value=value, threshold=threshold, passed=passed, why=why)

    value = metrics.get(metric)
    if value is None or math.isnan(value):
        there = ", ".join(sorted(metrics)) or "none"
        return result(None, False, f"gate {metric} {bound} {threshold:g}: the model has no {metric}; it has {there}")
    if bound != "max_drop":
        passed = value >= threshold if bound == "min" else value <= threshold
        return result(value, passed, f"gate {metric} {bound} {threshold:g}: measured {value:.6g}")
    if champion is None:
        return result(None, True, f"gate {metric} max_drop {threshold:g}: no champion to compare with")
    other = champion.get(metric)
    if other is None or math.isnan(other):
        there = ", ".join(sorted(champion)) or "none"
        why = f"gate {metric} max_drop {threshold:g}: the champion has no {metric}; it has {there}"
        return result(None, False, why)
    drop = other - value if higher_is_better(metric) else value - other
    why = f"gate {metric} max_drop {threshold:g}: {value:.6g} against the champion's {other:.6g}, a drop of {drop:.6g}"
    return result(drop, drop <= threshold + 1e-12, why)
