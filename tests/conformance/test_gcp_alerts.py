import base64
import json
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.adapters.gcp import google
from toolkit.adapters.gcp import PROVIDER
from toolkit.adapters.gcp.alerts import HOST, PubSubAlerts, open_alerts
from toolkit.adapters.gcp.client import Api
from toolkit.ports.alerts import Alerts
from toolkit.testing.alerts import AlertsSuite, Broken, Received

_FITS: type[Alerts] = PubSubAlerts
SOMEBODY = "somebodys-project"


class Topic:
    """A topic with a subscription behind it."""

    def __init__(self) -> None:
        self._api = Api(HOST, "v1", google.address())
        self.name = f"projects/emulated-project/topics/alerts-{uuid4().hex[:8]}"
        self._subscription = self.name.replace("/topics/", "/subscriptions/")
        self._api.call("make", "PUT", self.name, {})
        self._api.call("make", "PUT", self._subscription, {"topic": self.name})

    def received(self) -> list[str]:
        found = self._api.call("read", "POST", f"{self._subscription}:pull", {"maxMessages": 100})
        messages = [one["message"] for one in found.get("receivedMessages", ())]
        incidents = [json.loads(base64.b64decode(message["data"]))["incident"] for message in messages]
        assert incidents == [message["attributes"]["incident"] for message in messages]
        return incidents


class TestGcpAlerts(AlertsSuite):
    provider = PROVIDER

    @pytest.fixture
    def topic(self) -> Topic:
        return Topic()

    @pytest.fixture
    def received(self, topic: Topic) -> Received:
        return topic.received

    @pytest.fixture
    def alerts(self, topic: Topic) -> Alerts:
        return open_alerts(google.settings(topics=[topic.name]))

    @pytest.fixture
    def silent(self) -> Iterator[str]:
        """A server that takes connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"

    @pytest.fixture
    def broken(self, topic: Topic, silent: str) -> Broken:
        where = {"dead": "http://127.0.0.1:9", "never": silent}
        missing, dead, never = (f"projects/{SOMEBODY}/topics/{name}" for name in ("missing", "dead", "never"))
        from toolkit.adapters.gcp import client

        client.emulated.update(where.values())
        alerts = PubSubAlerts(
            [missing, topic.name, dead, never],
            lambda name: Api(HOST, "v1", where.get(name.rpartition("/")[2], google.address())),
            seconds=2.0,
        )
        failing = frozenset(name for name in alerts.channels() if "alerts-" not in name)
        return Broken(alerts, failing, SOMEBODY, topic.received)
