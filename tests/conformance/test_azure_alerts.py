import socket
from collections.abc import Iterator, Sequence

import pytest

from tests.adapters.azure import microsoft
from tests.adapters.azure.topics import Topic
from toolkit.adapters.azure import PROVIDER, client
from toolkit.adapters.azure.alerts import GridAlerts, open_alerts
from toolkit.domain.specs import Alert, Delivery
from toolkit.ports import Settings
from toolkit.ports.alerts import Alerts
from toolkit.testing.alerts import AlertsSuite, Broken, Received

_FITS: type[Alerts] = GridAlerts
REGION = "somebodys-region"


class Counted:
    """How many alerts were accepted, so that a reader knows how many to wait for."""

    def __init__(self, alerts: Alerts, topic: Topic) -> None:
        self._alerts, self._topic, self._sent = alerts, topic, 0

    def publish(self, alert: Alert) -> tuple[Delivery, ...]:
        self._sent += 1
        return self._alerts.publish(alert)

    def channels(self) -> tuple[str, ...]:
        return self._alerts.channels()

    def received(self) -> Sequence[str]:
        events = self._topic.events(self._sent)
        incidents = [event["subject"] for event in events]
        assert incidents == [event["data"]["incident"] for event in events]
        return incidents


class TestAzureAlerts(AlertsSuite):
    provider = PROVIDER

    @pytest.fixture
    def settings(self) -> Settings:
        return microsoft.settings()

    @pytest.fixture
    def topic(self, settings: Settings) -> Iterator[Topic]:
        made = Topic(settings)
        yield made
        made.close()

    @pytest.fixture
    def alerts(self, settings: Settings, topic: Topic) -> Counted:
        return Counted(open_alerts(settings), topic)

    @pytest.fixture
    def received(self, alerts: Counted) -> Received:
        return alerts.received

    @pytest.fixture
    def silent(self) -> Iterator[str]:
        """A server that takes connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"

    @pytest.fixture
    def broken(self, settings: Settings, topic: Topic, silent: str) -> Broken:
        hosts = {name: f"{name}.{REGION}-1.eventgrid.azure.net" for name in ("missing", "dead", "never")}
        where = {hosts["dead"]: "http://127.0.0.1:9", hosts["never"]: silent}
        client.emulated.update(where.values())
        missing, dead, never = (f"https://{host}/api/events" for host in hosts.values())
        alerts = GridAlerts(
            [missing, topic.endpoint, dead, never],
            "stem",
            endpoint=settings["services_endpoint"],
            elsewhere=where,
            seconds=2.0,
        )
        counted = Counted(alerts, topic)
        failing = frozenset(name for name in alerts.channels() if name.partition(":")[2] in hosts)
        return Broken(counted, failing, REGION, counted.received)
