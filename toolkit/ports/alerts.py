"""Tell people. The caller decides when (once per incident); the port only delivers."""

from __future__ import annotations

from typing import Protocol

from toolkit.domain.specs import Alert, Delivery


class Alerts(Protocol):
    def publish(self, alert: Alert) -> tuple[Delivery, ...]:
        """Send to every configured channel; one result each. A failing channel is a Delivery with ok=False, never an
        exception, and holds up no other channel (each has its own time limit)."""
        ...

    def channels(self) -> tuple[str, ...]:
        """Names of the configured channels, no addresses that hold a secret."""
        ...
