"""What changes functions, schedules, secrets and topics on AWS, with a fault at each of its requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud
from tests.adapters.aws.faulting import SERVICES, quick
from tests.conformance.test_aws_alerts import Topic
from tests.support import HERE
from toolkit.adapters.aws.alerts import SnsAlerts
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.functions import LambdaFunctions, open_functions
from toolkit.adapters.aws.metrics import CloudWatchMetrics
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.schedules import AwsSchedules, open_schedules
from toolkit.adapters.aws.secrets import AwsSecrets, open_secrets
from toolkit.adapters.aws.store import open_store
from toolkit.domain import times
from toolkit.domain.specs import Alert, MetricPoint
from toolkit.ports import Settings
from toolkit.testing import deeds
from toolkit.testing.faultcases import Case
from toolkit.testing.faultproxy import Proxy, at
from toolkit.testing.functions import Deploy, bundle_into
from toolkit.testing.service_faults import Ports, ServiceFaultsSuite, Site

pytestmark = pytest.mark.slow

_quick = pytest.fixture(autouse=True)(quick)


def straight(settings: Settings) -> Ports:
    return Ports({
        "functions": lambda: open_functions(settings),
        "schedules": lambda: open_schedules(settings),
        "secrets": lambda: open_secrets(settings),
    })  # fmt: skip


def through(site: Site, seconds: float) -> Ports:
    settings = site.settings

    def service(name: str, retries: bool = True) -> Any:
        return client(name, cloud.REGION, site.proxy.address, retries=retries, read_seconds=seconds)

    return Ports({
        "functions": lambda: LambdaFunctions(
            settings, changes=service("lambda"), calls=service("lambda", retries=False), logs=service("logs")
        ),
        "schedules": lambda: AwsSchedules(settings, service("scheduler"), role_seconds=0.1),
        "secrets": lambda: AwsSecrets(settings["secrets"], service("secretsmanager")),
    })  # fmt: skip


def logs_of(site: Site, function: str) -> list[Any]:
    group = Names(site.settings["stem"]).function_group(function)
    logs = client("logs", cloud.REGION, cloud.address())
    found: list[Any] = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    return found


class PublishFirst(deeds.PublishFirst):
    """Its logs are kept for a time."""

    def check(self) -> None:
        assert [bool(group.get("retentionInDays")) for group in logs_of(self.site, self.second.name)] == [True]
        super().check()


class DeleteFunction(deeds.DeleteFunction):
    """With its logs."""

    def check(self) -> None:
        super().check()
        assert logs_of(self.site, self.second.name) == []


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    settings = cloud.prepared()
    ports = straight(settings)
    deploy = Deploy(ports.functions, bundle_into(open_store(settings)), runtime=HERE)
    with Proxy(cloud.address()) as proxy:
        yield Site(settings, ports, proxy, deploy)
    deploy.delete()


DEEDS = {
    "publish the first version": PublishFirst,
    "publish the next version": deeds.Publish,
    "route": deeds.Route,
    "route anew": deeds.Reroute,
    "delete a function": DeleteFunction,
    "put a schedule": deeds.Schedule,
    "replace a schedule": deeds.Reschedule,
    "delete a schedule": deeds.Unschedule,
    "put a secret": deeds.Secret,
    "replace a secret": deeds.ReplaceSecret,
    "delete a secret": deeds.DeleteSecret,
}
GATE = ("reply lost", "throttled")


class TestAwsServiceFaults(ServiceFaultsSuite):
    cases: ClassVar = SERVICES
    deeds: ClassVar = DEEDS
    gate: ClassVar = {(deed, name) for deed in DEEDS for name in GATE}

    @pytest.fixture
    def ports(self, site: Site, case: Case) -> Ports:
        return through(site, case.seconds)


each_case = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=() if name in GATE else pytest.mark.exhaustive)
             for name, case in SERVICES.items()],
)  # fmt: skip


@each_case
def test_an_alert_is_sent_once_or_said_to_have_failed(site: Site, case: Case) -> None:
    topic = Topic()
    alerts = SnsAlerts(
        [topic.arn],
        lambda region: client("sns", region, site.proxy.address, retries=False, read_seconds=case.seconds),
    )
    site.proxy.begin(at(1, case.fault))
    (delivery,) = alerts.publish(Alert(incident="drift/a", state="open", title="t", text="x"))
    assert len(site.proxy.seen) == 1
    arrived = topic.received()
    if delivery.ok or not case.sure:
        assert len(arrived) <= 1
    if delivery.ok:
        assert arrived == ["drift/a"]
    else:
        assert delivery.error
        assert arrived == [] or not case.sure


@each_case
def test_a_point_that_cannot_be_recorded_fails_nothing(site: Site, case: Case) -> None:
    logs = client("logs", cloud.REGION, site.proxy.address, read_seconds=case.seconds)
    site.proxy.begin(lambda *_: case.fault)
    CloudWatchMetrics(f"p/{uuid4().hex[:8]}", logs).record([MetricPoint(name="rows", value=1, time=times.now())])
