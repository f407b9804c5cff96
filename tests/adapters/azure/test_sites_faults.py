"""What changes function apps and their timers, with a fault at each of its requests: as for container apps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.adapters.azure import microsoft
from tests.adapters.azure import site as sites
from tests.adapters.azure import test_compute_faults as compute
from tests.support import HERE
from toolkit.adapters.azure import client
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import Unavailable
from toolkit.domain.specs import FunctionSpec, HttpRequest, ScheduleSpec
from toolkit.testing import deeds
from toolkit.testing.faultproxy import Proxy
from toolkit.testing.functions import Deploy, answers, bundle_into
from toolkit.testing.service_faults import Ports, ServiceFaultsSuite, Site

pytestmark = pytest.mark.slow
_quick = compute._quick  # no pauses between tries


class First(deeds.Route):
    """The first deploy of an app."""

    weights: ClassVar = {"2": 1.0}

    def check(self) -> None:
        assert self.functions.request(self.second.name, HttpRequest()).body == b"after"
        super().check()


class Again(First):
    def prepare(self) -> None:
        super().prepare()
        self.functions.route(self.second.name, {"1": 1.0})


class Grow(Again):
    """A deploy that changes the size of the app first."""

    def spec(self, word: str) -> FunctionSpec:
        more = 1024 if word == "after" else 512
        return self.site.deploy.spec(answers(word), part=self.name, environment={"WORD": word}, memory_mb=more)


class Schedule(deeds.Schedule):
    """Beside another, which is there afterwards whatever happens."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.other = ScheduleSpec(name=f"{self.name}-o", expression="rate(1 day)", function=site.deploy.name("called"))

    def prepare(self) -> None:
        self.ports.schedules.put(self.other)

    def check(self) -> None:
        assert self.ports.schedules.get(self.other.name) == self.other
        self.ports.schedules.delete(self.other.name)
        super().check()


class Reschedule(Schedule):
    def prepare(self) -> None:
        super().prepare()
        self.ports.schedules.put(self.spec("rate(1 hour)"))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    settings = sites.make(functions="functions")
    ports = compute.opened(settings)
    deploy = Deploy(ports.functions, bundle_into(open_store(settings)), runtime=HERE)
    deploy(answers("called"), part="called")
    with Proxy(microsoft.address()) as proxy:
        client.emulated.add(proxy.address)
        yield Site(settings, ports, proxy, deploy)
    deploy.delete()


@pytest.fixture
def ports(site: Site) -> Ports:
    return compute.through(site)


class TestAzureSitesFaults(ServiceFaultsSuite):
    cases: ClassVar = compute.CASES
    deeds: ClassVar = {
        "publish the first version": deeds.PublishFirst,
        "publish the next version": deeds.Publish,
        "deploy": First,
        "deploy anew": Again,
        "deploy another size": Grow,
        "remove a version": deeds.RemoveNewest,
        "delete a function": deeds.DeleteServing,
        "put a schedule": Schedule,
        "replace a schedule": Reschedule,
        "delete a schedule": deeds.Unschedule,
    }
    gate: ClassVar = {("put a schedule", "reply lost"), ("publish the next version", "throttled")}


def test_a_deploy_whose_reply_is_lost_is_waited_for_and_done_once_more(site: Site, ports: Ports) -> None:
    deed = Again(site)
    deed.prepare()
    lost = compute.CASES["reply lost"].fault
    site.proxy.begin(lambda _, method, target: lost if "/api/publish" in target else None)
    with pytest.raises(Unavailable):
        deed.do(ports)
    site.proxy.begin(lambda *_: None)
    deed.do(ports)
    deed.check()
