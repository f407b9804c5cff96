"""Alerts to Pub/Sub topics: the alert as JSON, with incident, state and severity as attributes to filter by.

A channel is called after its topic; the topic's project is left out. A publish is never repeated (a lost reply would be
a second message); what failed is a Delivery with ok=False, and the caller sends it again with its next check.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from toolkit.adapters.gcp.client import Api
from toolkit.domain import times
from toolkit.domain.specs import Alert, Delivery
from toolkit.execution import delivery
from toolkit.ports import Settings

HOST = "pubsub.googleapis.com"
SECONDS = 10.0
MAX_TEXT = 100_000  # characters; a message has ten megabytes
MAX_ATTRIBUTE = 1024  # bytes


def open_alerts(settings: Settings) -> PubSubAlerts:
    api = Api(HOST, "v1", settings["services_endpoint"])
    return PubSubAlerts(settings["topics"], lambda topic: api)


class PubSubAlerts:
    """`api` gives who publishes to a topic; `seconds` is the time limit of each."""

    def __init__(self, topics: Sequence[str], api: Callable[[str], Api], *, seconds: float = SECONDS) -> None:
        self._api = api
        self._seconds = seconds
        self._channels: dict[str, delivery.Send] = {}
        names = Counter(topic.rpartition("/")[2] for topic in topics)
        for number, topic in enumerate(topics, 1):
            name = topic.rpartition("/")[2]
            channel = f"pubsub:{name}" if names[name] == 1 else f"pubsub:{name}#{number}"
            self._channels[channel] = self._publish_to(topic, name)

    def publish(self, alert: Alert) -> tuple[Delivery, ...]:
        dated = msgspec.structs.replace(alert, time=alert.time or times.now(), text=alert.text[:MAX_TEXT])
        return delivery.deliver(dated, self._channels, seconds=self._seconds)

    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def _publish_to(self, topic: str, name: str) -> delivery.Send:
        def send(alert: Alert) -> None:
            what = f"publish to topic {name}"
            self._api(topic).call(what, "POST", f"{topic}:publish", {"messages": [message(alert)]}, quoted=False)

        return send


def message(alert: Alert) -> dict[str, Any]:
    """One Pub/Sub message."""
    told = {"incident": alert.incident, "state": alert.state, "severity": alert.severity}
    cut = {key: value.encode()[:MAX_ATTRIBUTE].decode("utf-8", "ignore") for key, value in told.items()}
    return {"data": base64.b64encode(msgspec.json.encode(delivery.payload(alert))).decode(), "attributes": cut}
