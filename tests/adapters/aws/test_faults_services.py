"""What changes functions, schedules, secrets and topics, with a fault at each of its requests: a clear error or none,
and the same command again leaves exactly what was asked for, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud
from tests.adapters.aws.faulting import LATE, PATIENT, SERVICES, Case, quick
from tests.conformance.test_aws_alerts import Topic
from tests.conformance.test_aws_functions import HERE
from toolkit.adapters.aws.alerts import SnsAlerts
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.functions import LambdaFunctions, open_functions
from toolkit.adapters.aws.metrics import CloudWatchMetrics
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.schedules import AwsSchedules, open_schedules
from toolkit.adapters.aws.secrets import AwsSecrets, open_secrets
from toolkit.adapters.aws.store import open_store
from toolkit.domain import times
from toolkit.domain.errors import NotFound, ToolkitError
from toolkit.domain.specs import Alert, FunctionSpec, MetricPoint, ScheduleSpec
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Plan, Proxy, Slow, at
from toolkit.testing.functions import Deploy, answers, bundle_into

pytestmark = pytest.mark.slow
MOST_REQUESTS = 40

_quick = pytest.fixture(autouse=True)(quick)


class Site(NamedTuple):
    """`services(name)` is a client that goes through the proxy."""

    settings: Settings
    proxy: Proxy
    deploy: Deploy


class Ports:
    """All ports of the site, through the proxy."""

    def __init__(self, site: Site, seconds: float) -> None:
        settings = site.settings

        def service(name: str, retries: bool = True) -> Any:
            return client(name, cloud.REGION, site.proxy.address, retries=retries, read_seconds=seconds)

        self.functions = LambdaFunctions(
            settings, changes=service("lambda"), calls=service("lambda", retries=False), logs=service("logs")
        )
        self.schedules = AwsSchedules(settings, service("scheduler"), role_seconds=0.1)
        self.secrets = AwsSecrets(settings["secrets"], service("secretsmanager"))


class Deed:
    """Something to do, done twice where the first time failed; `check` looks from outside at what it left."""

    def __init__(self, site: Site) -> None:
        self.settings = site.settings
        self.name = f"deed-{uuid4().hex[:12]}"
        self.deploy = site.deploy

    def do(self, ports: Ports) -> None:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError


class Publish(Deed):
    """The second version of a function; one of two."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.functions = open_functions(self.settings)
        self.first, self.second = (self.spec(word) for word in ("before", "after"))

    def spec(self, word: str) -> FunctionSpec:
        return self.deploy.spec(answers(word), part=self.name, environment={"WORD": word})

    def prepare(self) -> None:
        self.functions.publish(self.first)

    def do(self, ports: Ports) -> None:
        assert ports.functions.publish(self.second) == "2"

    def check(self) -> None:
        state = self.functions.observe(self.second.name)
        assert state.versions == ("1", "2")
        assert len({*state.spec_digests.values()}) == 2


class PublishFirst(Publish):
    def prepare(self) -> None:
        pass

    def do(self, ports: Ports) -> None:
        assert ports.functions.publish(self.second) == "1"

    def check(self) -> None:
        assert self.functions.observe(self.second.name).versions == ("1",)
        groups = client("logs", cloud.REGION, cloud.address()).describe_log_groups(
            logGroupNamePrefix=Names(self.settings["stem"]).function_group(self.second.name)
        )["logGroups"]
        assert [bool(group.get("retentionInDays")) for group in groups] == [True]


class Route(Publish):
    def prepare(self) -> None:
        self.functions.publish(self.first)
        self.functions.publish(self.second)

    def do(self, ports: Ports) -> None:
        assert ports.functions.route(self.second.name, {"1": 0.75, "2": 0.25}).state == "ready"

    def check(self) -> None:
        state = self.functions.observe(self.second.name)
        assert state.weights == {"1": 0.75, "2": 0.25}
        assert state.url


class Reroute(Route):
    def prepare(self) -> None:
        super().prepare()
        self.functions.route(self.second.name, {"1": 1.0})


class Delete(Route):
    def do(self, ports: Ports) -> None:
        ports.functions.delete(self.second.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.functions.observe(self.second.name)
        logs = client("logs", cloud.REGION, cloud.address())
        group = Names(self.settings["stem"]).function_group(self.second.name)
        assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []


class Schedule(Deed):
    def spec(self, expression: str) -> ScheduleSpec:
        return ScheduleSpec(name=self.name, expression=expression, function="some-function", tags={"a": "b"})

    def prepare(self) -> None:
        pass

    def do(self, ports: Ports) -> None:
        ports.schedules.put(self.spec("rate(2 hours)"))

    def check(self) -> None:
        schedules = open_schedules(self.settings)
        assert [spec for spec in schedules.list() if spec.name == self.name] == [self.spec("rate(2 hours)")]
        schedules.delete(self.name)


class Reschedule(Schedule):
    def prepare(self) -> None:
        open_schedules(self.settings).put(self.spec("rate(1 hour)"))


class Unschedule(Reschedule):
    def do(self, ports: Ports) -> None:
        ports.schedules.delete(self.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            open_schedules(self.settings).get(self.name)


class Secret(Deed):
    def prepare(self) -> None:
        pass

    def do(self, ports: Ports) -> None:
        ports.secrets.put(self.name, "the-value")

    def check(self) -> None:
        secrets = open_secrets(self.settings)
        assert secrets.get(self.name) == "the-value"
        assert list(secrets.list()).count(self.name) == 1


class OtherSecret(Secret):
    def prepare(self) -> None:
        open_secrets(self.settings).put(self.name, "before")


class NoSecret(OtherSecret):
    def do(self, ports: Ports) -> None:
        ports.secrets.delete(self.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            open_secrets(self.settings).get(self.name)


DEEDS: dict[str, type[Any]] = {
    "publish the first version": PublishFirst,
    "publish the next version": Publish,
    "route": Route,
    "route anew": Reroute,
    "delete a function": Delete,
    "put a schedule": Schedule,
    "replace a schedule": Reschedule,
    "delete a schedule": Unschedule,
    "put a secret": Secret,
    "replace a secret": OtherSecret,
    "delete a secret": NoSecret,
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    settings = cloud.prepared()
    deploy = Deploy(open_functions(settings), bundle_into(open_store(settings)), runtime=HERE)
    with Proxy(cloud.address()) as proxy:
        yield Site(settings, proxy, deploy)
    deploy.delete()


def from_then_on(wanted: int, case: Case) -> Plan:
    return lambda number, method, target: case.fault if number >= wanted else None


_GATE = {"reply lost", "throttled"}
each_case = pytest.mark.parametrize(
    "case", [pytest.param(case, id=name, marks=() if name in _GATE else pytest.mark.exhaustive)
             for name, case in SERVICES.items()],
)  # fmt: skip
_ONCE = {"reply lost", "cut in the headers"}


@each_case
@pytest.mark.parametrize("made", DEEDS.values(), ids=DEEDS)
def test_a_fault_at_each_request(site: Site, case: Case, made: type[Any]) -> None:
    """Each request once, and from each request on for good: then it fails, and the same again does it."""
    impatient = isinstance(case.fault, Slow)
    ports = Ports(site, LATE / 2 if impatient else PATIENT)
    lasting: Callable[[int], Plan] = lambda number: from_then_on(number, case)  # noqa: E731
    once: Callable[[int], Plan] = lambda number: at(number, case.fault)  # noqa: E731
    gentle = case in [SERVICES[name] for name in _ONCE] or impatient
    for number in range(1, MOST_REQUESTS):
        deed = made(site)
        site.proxy.begin(lambda *_: None)
        deed.prepare()
        site.proxy.begin((once if gentle else lasting)(number))
        failed = _told(deed, ports, case)
        met = len(site.proxy.seen) >= number
        site.proxy.begin(lambda *_: None)
        if failed:
            deed.do(ports)
        deed.check()
        if not met:
            return
    raise AssertionError("it never came to an end")


def _told(deed: Any, ports: Ports, case: Case) -> bool:
    """Whether it failed, as it may: with a hint and without the secret. (What fails otherwise is not done again.)"""
    try:
        deed.do(ports)
    except ToolkitError as error:
        if not isinstance(error, case.told):
            raise
        return bool(error.hint) and "the-value" not in f"{error} {error.__cause__}"
    return False


@each_case
def test_an_alert_is_sent_once_or_said_to_have_failed(site: Site, case: Case) -> None:
    topic = Topic()
    seconds = LATE / 2 if isinstance(case.fault, Slow) else PATIENT
    alerts = SnsAlerts(
        [topic.arn],
        lambda region: client("sns", region, site.proxy.address, retries=False, read_seconds=seconds),
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
    seconds = LATE / 2 if isinstance(case.fault, Slow) else PATIENT
    logs = client("logs", cloud.REGION, site.proxy.address, read_seconds=seconds)
    site.proxy.begin(lambda *_: case.fault)
    CloudWatchMetrics(f"p/{uuid4().hex[:8]}", logs).record([MetricPoint(name="rows", value=1, time=times.now())])
