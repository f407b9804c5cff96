import json
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud, stack
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.alerts import SnsAlerts, open_alerts
from toolkit.adapters.aws.client import client
from toolkit.ports.alerts import Alerts
from toolkit.testing.alerts import AlertsSuite, Broken, Received

ACCOUNT = "999988887777"


class Topic:
    """A topic with a queue behind it."""

    def __init__(self) -> None:
        name = f"alerts-{uuid4().hex[:8]}"
        self._queues = client("sqs", cloud.REGION, stack.address())
        topics = client("sns", cloud.REGION, stack.address())
        self.arn: str = topics.create_topic(Name=name)["TopicArn"]
        self._url = self._queues.create_queue(QueueName=name)["QueueUrl"]
        asked = self._queues.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        topics.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"])

    def received(self) -> list[str]:
        incidents = []
        while found := self._queues.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            incidents += [json.loads(json.loads(m["Body"])["Message"])["incident"] for m in found]
        return incidents


class TestMinistackAlerts(AlertsSuite):
    provider = PROVIDER
    server = "ministack"

    @pytest.fixture
    def topic(self) -> Topic:
        return Topic()

    @pytest.fixture
    def received(self, topic: Topic) -> Received:
        return topic.received

    @pytest.fixture
    def alerts(self, topic: Topic) -> Alerts:
        return open_alerts(stack.settings(topics=[topic.arn]))

    @pytest.fixture
    def silent(self) -> Iterator[str]:
        """A server that takes connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"

    @pytest.fixture
    def broken(self, topic: Topic, silent: str) -> Broken:
        missing, dead, never = (
            f"arn:aws:sns:{region}:{ACCOUNT}:{name}"
            for region, name in ((cloud.REGION, "missing"), ("eu-west-2", "dead"), ("eu-west-3", "never"))
        )
        where = {"eu-west-2": "http://127.0.0.1:9", "eu-west-3": silent}
        alerts = SnsAlerts(
            [missing, topic.arn, dead, never],
            lambda region: client("sns", region, where.get(region, stack.address()), retries=False),
            seconds=2.0,
        )
        failing = frozenset(name for name in alerts.channels() if "alerts-" not in name)
        return Broken(alerts, failing, ACCOUNT, topic.received)
