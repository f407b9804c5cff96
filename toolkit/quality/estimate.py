"""Performance: estimated without labels from the counts of scores, and realised where labels have come.

The estimate (CBPE, confidence-based performance estimation, as NannyML names it) reads the calibrated table: of the n
rows in a score's cell, n times the table's share have the class. It holds while only the inputs move; where the same
inputs begin to mean other labels, no method without labels sees it, so the realised figures are kept beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from toolkit.domain.records import Task
from toolkit.quality.baseline import Baseline
from toolkit.quality.bins import Numbers
from toolkit.quality.profile import Profile

BAND = 1.96  # standard deviations of the 95 % band


def estimate(baseline: Baseline, profile: Profile) -> dict[str, float]:
    """`estimated_<metric>` for accuracy (with `_low` and `_high`: 95 % by sampling), ROC AUC, precision, recall and F1
    (binary) or macro F1 (multiclass). Empty for regression, without a calibration, or without scores.
    """
    if not baseline.calibration:
        return {}
    found = _binary(baseline, profile) if isinstance(baseline.prediction, Numbers) else _multiclass(baseline, profile)
    return {f"estimated_{name}": value for name, value in found.items() if math.isfinite(value)}


def realised(task: Task, classes: Sequence[str], pairs: Iterable[tuple[Any, Any]]) -> dict[str, float]:
    """`realised_<metric>` of joined (score, label) pairs, and `labelled_rows`. Empty without pairs.

    Scores are as a counter takes them. A label that is no class of the model is counted in `unknown_labels` and left
    out of the metrics. Raises DataError as `metrics.evaluate` does.
    """
    from toolkit.quality import metrics

    joined = list(pairs)
    if not joined:
        return {}
    scores, labels = [score for score, _ in joined], [label for _, label in joined]
    if task != "regression":
        known = metrics.class_indexes(labels, classes, strict=False).tolist()
        scores = [score for score, index in zip(scores, known, strict=True) if index >= 0]
        labels = [classes[index] for index in known if index >= 0]
    found = {"labelled_rows": float(len(labels))}
    if len(labels) < len(joined):
        found["unknown_labels"] = float(len(joined) - len(labels))
    if labels:
        prediction, probabilities = metrics.chosen(task, scores, classes)
        measured = metrics.evaluate(task, labels, prediction, probabilities, classes)
        found |= {f"realised_{name}": value for name, value in measured.items()}
    return found


def _binary(baseline: Baseline, profile: Profile) -> dict[str, float]:
    bins = baseline.prediction
    assert isinstance(bins, Numbers)
    start = baseline.offsets[len(baseline.features)]
    counts = profile.counts[start : start + bins.size - 1]
    rows = sum(counts)
    if not rows:
        return {}
    half = bins.edges.index(0.5) + 1  # the first cell above one half: from here on the answer is the last class
    real = [n * share for n, share in zip(counts, baseline.calibration[0], strict=True)]
    hits, said, positive = sum(real[half:]), sum(counts[half:]), sum(real)
    right = hits + sum(counts[:half]) - sum(real[:half])
    variance = sum(n * share * (1 - share) for n, share in zip(counts, baseline.calibration[0], strict=True))
    found = _with_band("accuracy", right / rows, variance, rows)
    if said:
        found["precision"] = hits / said
    if positive:
        found["recall"] = hits / positive
        found["f1"] = 2 * hits / (said + positive)
    if 0 < positive < rows:
        found["roc_auc"] = _auc(counts, real)
    return found


def _auc(counts: Sequence[int], real: Sequence[float]) -> float:
    """Expected share of (positive, negative) pairs in which the positive scores higher, equals counted half."""
    below = wins = 0.0
    for n, positive in zip(counts, real, strict=True):
        negative = n - positive
        wins += positive * (below + negative / 2)
        below += negative
    return wins / (sum(real) * below)


def _multiclass(baseline: Baseline, profile: Profile) -> dict[str, float]:
    first = len(baseline.features) + 1
    size = baseline.chances[0].size - 1
    right = variance = 0.0
    rows = 0
    f1 = []
    for label, shares in enumerate(baseline.calibration):
        sides = [profile.counts[at : at + size] for at in baseline.offsets[first + 2 * label : first + 2 * label + 2]]
        others, own = ([n * share for n, share in zip(side, shares, strict=True)] for side in sides)
        said, hits = sum(sides[1]), sum(own)
        rows += said
        right += hits
        variance += sum(n * share * (1 - share) for n, share in zip(sides[1], shares, strict=True))
        if said + hits + sum(others):
            f1.append(2 * hits / (said + hits + sum(others)))
    if not rows:
        return {}
    return _with_band("accuracy", right / rows, variance, rows) | {"macro_f1": sum(f1) / len(f1)}


def _with_band(name: str, value: float, variance: float, rows: int) -> dict[str, float]:
    half = BAND * math.sqrt(variance) / rows
    return {name: value, f"{name}_low": max(0.0, value - half), f"{name}_high": min(1.0, value + half)}
