import json
import socket
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud, live
from toolkit.adapters.aws import PROVIDER
from toolkit.adapters.aws.alerts import SnsAlerts, open_alerts
from toolkit.adapters.aws.client import client
from toolkit.ports.alerts import Alerts
from toolkit.testing.alerts import AlertsSuite, Broken, Received

_FITS: type[Alerts] = SnsAlerts
ACCOUNT = "999988887777"


class Topic:
    """A topic with a queue behind it, in which topics may put what they are told."""

    def __init__(self) -> None:
        name, tags = f"{cloud.begin()}-alerts-{uuid4().hex[:8]}", cloud.tags()
        self._queues = client("sqs", cloud.region(), cloud.address())
        topics = client("sns", cloud.region(), cloud.address())
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.arn: str = topics.create_topic(Name=name, Tags=listed)["TopicArn"]
        self._url = self._queues.create_queue(QueueName=name, tags=tags)["QueueUrl"]
        asked = self._queues.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue = asked["Attributes"]["QueueArn"]
        policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
                                 "Action": "sqs:SendMessage", "Resource": queue,
                                 "Condition": {"ArnEquals": {"aws:SourceArn": self.arn}}}]}  # fmt: skip
        self._queues.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        topics.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue)

    def received(self) -> list[str]:
        live.settle()
        incidents = []
        while found := self._queues.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            incidents += [json.loads(json.loads(m["Body"])["Message"])["incident"] for m in found]
        return incidents


class TestAwsAlerts(AlertsSuite):
    provider = PROVIDER

    @pytest.fixture
    def topic(self) -> Topic:
        return Topic()

    @pytest.fixture
    def received(self, topic: Topic) -> Received:
        return topic.received

    @pytest.fixture
    def alerts(self, topic: Topic) -> Alerts:
        return open_alerts(cloud.settings(topics=[topic.arn]))

    @pytest.fixture
    def silent(self) -> Iterator[str]:
        """A server that takes connections and never answers."""
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"

    @pytest.fixture
    def broken(self, topic: Topic, silent: str) -> Broken:
        missing, dead, never = (
            f"arn:aws:sns:{region}:{ACCOUNT}:{name}"
            for region, name in ((cloud.region(), "missing"), ("eu-west-2", "dead"), ("eu-west-3", "never"))
        )
        where = {"eu-west-2": "http://127.0.0.1:9", "eu-west-3": silent}
        alerts = SnsAlerts(
            [missing, topic.arn, dead, never],
            lambda region: client("sns", region, where.get(region, cloud.address()), retries=False),
            seconds=2.0,
        )
        failing = frozenset(name for name in alerts.channels() if "-alerts-" not in name)
        return Broken(alerts, failing, ACCOUNT, topic.received)
