"""Metrics as JSON can hold them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that are numbers: JSON has no NaN, and a record that cannot be read back would be worse than a
    missing metric."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
