"""Alerts to SNS topics, each in its own region: e-mail and text messages get words, every other subscriber JSON.

A channel is called after its topic's name: the ARN holds an account's number. A publish is never retried (a lost reply
would be a second message); what failed is a Delivery with ok=False, and the caller sends it again with its next check.
Incident, state and severity are message attributes, for subscription filters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.errors import translated
from toolkit.domain import times
from toolkit.domain.specs import Alert, Delivery
from toolkit.execution import delivery
from toolkit.ports import Settings

SECONDS = 10.0
MAX_TEXT = 10_000  # characters; SNS takes 256 KiB for all forms of a message together
MAX_SUBJECT = 100  # ASCII characters

Service = Callable[[str], Any]  # region -> client


def open_alerts(settings: Settings) -> SnsAlerts:
    endpoint = settings["services_endpoint"]
    return SnsAlerts(settings["topics"], lambda region: client("sns", region, endpoint, retries=False))


class SnsAlerts:
    """`seconds` is the time limit of each topic."""

    def __init__(self, topics: Sequence[str], service: Service, *, seconds: float = SECONDS) -> None:
        self._service = service
        self._seconds = seconds
        names = Counter(topic.rpartition(":")[2] for topic in topics)
        self._channels: dict[str, delivery.Send] = {}
        for topic in topics:
            region, name = topic.split(":")[3], topic.rpartition(":")[2]
            channel = f"sns:{name}" if names[name] == 1 else f"sns:{region}:{name}"
            number = sum(known.split("#")[0] == channel for known in self._channels)
            self._channels[f"{channel}#{number + 1}" if number else channel] = self._publish_to(topic, region, name)

    def publish(self, alert: Alert) -> tuple[Delivery, ...]:
        dated = msgspec.structs.replace(alert, time=alert.time or times.now(), text=alert.text[:MAX_TEXT])
        return delivery.deliver(dated, self._channels, seconds=self._seconds)

    def channels(self) -> tuple[str, ...]:
        return tuple(self._channels)

    def _publish_to(self, topic: str, region: str, name: str) -> delivery.Send:
        def send(alert: Alert) -> None:
            with translated(f"publish to topic {name}", region, quote=False):
                self._service(region).publish(TopicArn=topic, **message(alert))

        return send


def message(alert: Alert) -> dict[str, Any]:
    """The parameters of Publish that say what."""
    fields = delivery.payload(alert)
    words = str(fields["text"])
    forms = {"default": msgspec.json.encode(fields).decode(), "email": words, "sms": alert.title[:140]}
    told = {"incident": alert.incident, "state": alert.state, "severity": alert.severity}
    return {
        "MessageStructure": "json",
        "Message": msgspec.json.encode(forms).decode(),
        "Subject": _subject(f"[{alert.severity}] {alert.title}"),
        "MessageAttributes": {key: {"DataType": "String", "StringValue": value} for key, value in told.items()},
    }


def _subject(title: str) -> str:
    """One line of ASCII, as SNS wants it."""
    plain = "".join(letter if " " <= letter <= "~" else "?" for letter in " ".join(title.split()))
    return plain[:MAX_SUBJECT]
