"""Alerts to Event Grid topics, as CloudEvents: whoever subscribes there (a webhook, a Logic App, a queue) is told.

A channel is called after its topic. A publish is never repeated (a lost reply would be a second event); what failed is
a Delivery with ok=False, and the caller sends it again with its next check.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec

from toolkit.adapters.azure.client import Api
from toolkit.domain import times
from toolkit.domain.specs import Alert, Delivery
from toolkit.execution import delivery
from toolkit.ports import Settings

DOMAIN = "eventgrid.azure.net"
VERSION = "2018-01-01"
PATH = "/api/events"
KIND = "driftloop.alert"
SECONDS = 10.0
MAX_TEXT = 100_000  # characters; an event has a megabyte


def open_alerts(settings: Settings) -> GridAlerts:
    return GridAlerts(settings["topics"], settings["stem"], endpoint=settings["services_endpoint"])


class GridAlerts:
    """`topics` are endpoints; `endpoint` is where an emulator has them, `elsewhere` where single ones are (by host);
    `seconds` is the time limit of each."""

    def __init__(
        self,
        topics: Sequence[str],
        stem: str,
        *,
        endpoint: str = "",
        elsewhere: dict[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._stem, self._seconds = stem, seconds
        self._channels: dict[str, delivery.Send] = {}
        hosts = [urlsplit(topic).netloc for topic in topics]
        names = Counter(host.partition(".")[0] for host in hosts)
        for number, host in enumerate(hosts, 1):
            name = host.partition(".")[0]
            channel = f"eventgrid:{name}" if names[name] == 1 else f"eventgrid:{name}#{number}"
            api = Api(host, VERSION, (elsewhere or {}).get(host, endpoint))
            self._channels[channel] = self._publish_to(api, name)

    def publish(self, alert: Alert) -> tuple[Delivery, ...]:
        dated = msgspec.structs.replace(alert, time=alert.time or times.now(), text=alert.text[:MAX_TEXT])
        return delivery.deliver(dated, self._channels, seconds=self._seconds)

    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def _publish_to(self, api: Api, name: str) -> delivery.Send:
        headers = {"Content-Type": "application/cloudevents-batch+json; charset=utf-8"}

        def send(alert: Alert) -> None:
            data = msgspec.json.encode([event(alert, self._stem)])
            api.send(f"publish to topic {name}", "POST", PATH, data=data, headers=headers, quoted=False)

        return send


def event(alert: Alert, stem: str) -> dict[str, Any]:
    """One CloudEvent; `subject` is the incident, to filter by."""
    return {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": f"/toolkit/{stem}",
        "type": f"{KIND}.{alert.state}",
        "subject": alert.incident,
        "time": alert.time,
        "datacontenttype": "application/json",
        "data": delivery.payload(alert),
    }
