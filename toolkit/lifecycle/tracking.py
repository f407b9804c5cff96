"""What a training function may call: log a metric, a parameter, an artifact."""

from __future__ import annotations

from pathlib import Path


def log_metric(name: str, value: float, *, step: int | None = None) -> None:
    """Filled in with the training job."""
    raise NotImplementedError


def log_metrics(values: dict[str, float], *, step: int | None = None) -> None:
    raise NotImplementedError


def log_param(name: str, value: object) -> None:
    raise NotImplementedError


def log_artifact(path: str | Path, name: str = "") -> None:
    raise NotImplementedError
