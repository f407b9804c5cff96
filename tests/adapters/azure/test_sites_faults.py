"""What changes function apps and their timers, with a fault at each of its requests: as for container apps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.adapters.azure import microsoft, site
from tests.adapters.azure import test_compute_faults as compute
from tests.adapters.azure.faulting import Case
from tests.conformance.test_azure_functions import HERE
from toolkit.adapters.azure import client
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import Unavailable
from toolkit.domain.specs import FunctionSpec, HttpRequest, ScheduleSpec
from toolkit.testing.faultproxy import Proxy
from toolkit.testing.functions import Deploy, answers, bundle_into

pytestmark = pytest.mark.slow
_quick = compute._quick  # no pauses between tries


class First(compute.Route):
    """The first deploy of an app."""

    weights = {"2": 1.0}  # noqa: RUF012

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


class Remove(Again):
    def do(self, settings: Any) -> None:
        open_functions(settings).remove_version(self.second.name, "2")

    def check(self) -> None:
        assert self.functions.observe(self.second.name).versions == ("1",)
        self.functions.delete(self.second.name)


class Schedule(compute.Schedule):
    """Beside another, which is there afterwards whatever happens."""

    def __init__(self, site: compute.Site) -> None:
        super().__init__(site)
        self.other = ScheduleSpec(name=f"{self.name}-o", expression="rate(1 day)", function=site.deploy.name("called"))

    def prepare(self) -> None:
        self.schedules.put(self.other)

    def check(self) -> None:
        assert self.schedules.get(self.other.name) == self.other
        self.schedules.delete(self.other.name)
        super().check()


class Reschedule(Schedule):
    def prepare(self) -> None:
        super().prepare()
        self.schedules.put(self.spec("rate(1 hour)"))


class Unschedule(compute.Unschedule):
    pass


DEEDS: dict[str, type[Any]] = {
    "publish the first version": compute.PublishFirst,
    "publish the next version": compute.Publish,
    "deploy": First,
    "deploy anew": Again,
    "deploy another size": Grow,
    "remove a version": Remove,
    "delete a function": compute.Delete,
    "put a schedule": Schedule,
    "replace a schedule": Reschedule,
    "delete a schedule": Unschedule,
}


@pytest.fixture(scope="module")
def place() -> Iterator[compute.Site]:
    settings = site.make(functions="functions")
    deploy = Deploy(open_functions(settings), bundle_into(open_store(settings)), runtime=HERE)
    deploy(answers("called"), part="called")
    with Proxy(microsoft.address()) as proxy:
        client.emulated.add(proxy.address)
        bad = {**settings, "endpoint": proxy.address, "services_endpoint": proxy.address}
        yield compute.Site(settings, bad, proxy, deploy)
    deploy.delete()


_GATE = {("reply lost", "put a schedule"), ("throttled", "publish the next version")}
each = pytest.mark.parametrize(
    ("case", "made"),
    [
        pytest.param(case, made, id=f"{deed}, {name}", marks=() if (name, deed) in _GATE else pytest.mark.exhaustive)
        for name, case in compute.CASES.items()
        for deed, made in DEEDS.items()
    ],
)


@each
def test_a_fault_at_each_request(place: compute.Site, case: Case, made: type[Any]) -> None:
    compute.at_each_request(place, case, made)


def test_a_deploy_whose_reply_is_lost_is_waited_for_and_done_once_more(place: compute.Site) -> None:
    deed = Again(place)
    deed.prepare()
    place.proxy.begin(lambda _, method, target: compute.CASES["reply lost"].fault if "/api/publish" in target else None)
    with pytest.raises(Unavailable):
        deed.do(place.bad)
    place.proxy.begin(lambda *_: None)
    deed.do(place.bad)
    deed.check()
