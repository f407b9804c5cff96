"""Alerts in a list, `sent`; tests add channels of their own, failing and slow ones too."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from toolkit.domain import times
from toolkit.domain.specs import Alert, Delivery
from toolkit.execution.delivery import SECONDS, Send, deliver
from toolkit.ports import Settings

_WORLDS: dict[str, list[Alert]] = {}
_REGISTRY = threading.Lock()


def open_alerts(settings: Settings) -> MemoryAlerts:
    return MemoryAlerts(str(settings.get("name", "default")))


def forget(name: str) -> None:
    with _REGISTRY:
        _WORLDS.pop(name, None)


class MemoryAlerts:
    """`more` maps a channel's name to what sends to it (raising when it fails)."""

    def __init__(self, name: str, more: Mapping[str, Send] | None = None, *, seconds: float = SECONDS) -> None:
        with _REGISTRY:
            self.sent = _WORLDS.setdefault(name, [])
        self._channels: dict[str, Send] = {"memory": self.sent.append, **(more or {})}
        self._seconds = seconds

    def publish(self, alert: Alert) -> tuple[Delivery, ...]:
        dated = msgspec.structs.replace(alert, time=alert.time or times.now())
        return deliver(dated, self._channels, seconds=self._seconds)

    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)
