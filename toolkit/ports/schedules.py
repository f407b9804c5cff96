"""Call a function at times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from toolkit.domain.specs import ScheduleSpec


class Schedules(Protocol):
    def put(self, spec: ScheduleSpec) -> None:
        """Create or replace. ConfigError for an expression that is not portable. The event that arrives carries
        `{"source": "toolkit.schedule", "schedule": name, "time": scheduled time, **spec.event}`; at least once."""
        ...

    def get(self, name: str) -> ScheduleSpec:
        """NotFound."""
        ...

    def list(self, tags: dict[str, str] | None = None) -> Iterator[ScheduleSpec]:
        """By name."""
        ...

    def delete(self, name: str) -> None:
        """Deleting what is not there is no error."""
        ...
