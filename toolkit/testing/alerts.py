"""What every deliverer of alerts must do: reach each channel, and let no channel harm another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import uuid4

from toolkit.domain.specs import Alert
from toolkit.ports.alerts import Alerts
from toolkit.testing.claims import Suite, claims

Received = Callable[[], Sequence[str]]


@dataclass(frozen=True)
class Broken:
    """Alerts whose channels `failing` refuse, are dead or never answer, beside one that works.

    `secret` is part of a failing channel's address; `received` are the incidents that reached the working channel.
    """

    alerts: Alerts
    failing: frozenset[str]
    secret: str
    received: Received


def new_alert() -> Alert:
    return Alert(
        incident=f"drift/flights/{uuid4().hex[:12]}",
        state="open",
        severity="critical",
        title="Drift in flights: 3 columns",
        text="dep_delay 0.31\n<b>'quotes\"</b> ä",
        labels={"endpoint": "flights"},
    )


class AlertsSuite(Suite):
    """Give the fixtures `alerts`, `received` (incidents that reached a working channel of it) and `broken`."""

    patience: ClassVar[float] = 15.0  # seconds that a publish may take when channels never answer

    @claims("alerts.publish")
    def test_every_channel_is_reached(self, alerts: Alerts, received: Received) -> None:
        alert = new_alert()
        deliveries = alerts.publish(alert)
        assert tuple(delivery.channel for delivery in deliveries) == alerts.channels() != ()
        assert all(delivery.ok and not delivery.error for delivery in deliveries)
        assert alert.incident in received()

    @claims("alerts.publish")
    def test_one_publish_is_one_message(self, alerts: Alerts, received: Received) -> None:
        first, second = new_alert(), new_alert()
        for alert in (first, second):
            alerts.publish(alert)
        arrived = [incident for incident in received() if incident in {first.incident, second.incident}]
        assert arrived == [first.incident, second.incident]

    @claims("alerts.publish")
    def test_a_failing_channel_harms_no_other(self, broken: Broken) -> None:
        alert, begin = new_alert(), time.monotonic()
        deliveries = {delivery.channel: delivery for delivery in broken.alerts.publish(alert)}
        assert time.monotonic() - begin < self.patience
        assert tuple(deliveries) == broken.alerts.channels()
        assert {name for name, delivery in deliveries.items() if not delivery.ok} == broken.failing
        assert all(bool(delivery.error) != delivery.ok for delivery in deliveries.values())
        assert alert.incident in broken.received()

    @claims("alerts.publish")
    def test_no_address_is_shown(self, broken: Broken) -> None:
        deliveries = broken.alerts.publish(new_alert())
        assert broken.secret not in f"{deliveries!r} {broken.alerts.channels()!r} {broken.alerts!r}"
