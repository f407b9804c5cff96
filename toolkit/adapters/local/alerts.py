"""Alerts into a file, `host`/alerts.jsonl (always), and to the webhooks of the settings.

A webhook is a URL or `secret:NAME`, a secret of this same host, read when an alert is sent. Channels are named by
position and host or secret name: a webhook's path is a password.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from toolkit.adapters.local.secrets import LocalSecrets, open_secrets
from toolkit.domain import times
from toolkit.domain.specs import Alert, Delivery
from toolkit.execution import delivery, files
from toolkit.execution.delivery import SECONDS, Send
from toolkit.ports import Settings

_SECRET = "secret:"  # noqa: S105  # a prefix


def open_alerts(settings: Settings) -> LocalAlerts:
    log = Path(settings["host"]) / "alerts.jsonl"
    return LocalAlerts(log, settings.get("webhooks", ()), open_secrets(settings))


class LocalAlerts:
    """`seconds` is the time limit of each channel."""

    def __init__(self, log: Path, webhooks: Sequence[str], secrets: LocalSecrets, *, seconds: float = SECONDS) -> None:
        self._log = log
        self._secrets = secrets
        self._seconds = seconds
        self._channels: dict[str, Send] = {"log": self._append}
        for number, webhook in enumerate(webhooks, start=1):
            self._channels[f"webhook-{number}:{_shown(webhook)}"] = self._post_to(webhook)

    def publish(self, alert: Alert) -> tuple[Delivery, ...]:
        dated = msgspec.structs.replace(alert, time=alert.time or times.now())
        return delivery.deliver(dated, self._channels, seconds=self._seconds)

    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def _append(self, alert: Alert) -> None:
        with files.translated("write the alert log"):
            files.append(self._log, msgspec.json.encode(alert) + b"\n")

    def _post_to(self, webhook: str) -> Send:
        def send(alert: Alert) -> None:
            url = webhook
            if webhook.startswith(_SECRET):
                url = self._secrets.get(webhook.removeprefix(_SECRET)).strip()
            delivery.post(url, alert, seconds=self._seconds)

        return send


def _shown(webhook: str) -> str:
    if webhook.startswith(_SECRET):
        return webhook.removeprefix(_SECRET)
    try:
        return urlsplit(webhook).hostname or "?"
    except ValueError:
        return "?"
