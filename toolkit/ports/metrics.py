"""Numbers over time, about functions and checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from toolkit.domain.specs import MetricPoint


class Metrics(Protocol):
    def record(self, points: Sequence[MetricPoint]) -> None:
        """Keep them. Best effort: never raises for a provider's refusal, so that measuring fails nothing."""
        ...

    def query(
        self, name: str, *, since: str, until: str = "", labels: dict[str, str] | None = None
    ) -> Iterator[MetricPoint]:
        """Points of `name` with since <= time < until and labels including `labels`, in time order."""
        ...
