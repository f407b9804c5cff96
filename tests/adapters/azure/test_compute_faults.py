"""What changes functions, jobs and schedules, with a fault at each of its requests: a clear error or none, and the same
command again leaves exactly what was asked for, once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from tests.adapters.azure import microsoft, site
from tests.adapters.azure.faulting import Case
from tests.conformance.test_azure_functions import HERE
from toolkit.adapters.azure import client, jobs
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.jobs import open_jobs
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import (
    Corrupt,
    NotFound,
    PermissionDenied,
    Throttled,
    ToolkitError,
    Unauthenticated,
    Unavailable,
)
from toolkit.domain.specs import FunctionSpec, JobSpec, ScheduleSpec
from toolkit.execution import tickets
from toolkit.ports import Settings
from toolkit.testing.faultproxy import Applied, Cut, Plan, Proxy, Refused, Reset, Torn, at
from toolkit.testing.functions import Deploy, answers, bundle_into
from toolkit.testing.jobs import probe

pytestmark = pytest.mark.slow
MOST_REQUESTS = 60


def told(code: str) -> str:
    """An error as ARM tells it."""
    return json.dumps({"error": {"code": code, "message": "The service is not well."}})


CASES = {
    "reply lost": Case(Applied(), (Unavailable,)),
    "applied, then 503": Case(Applied(503, "ServiceUnavailable", told("ServiceUnavailable")), (Unavailable,)),
    "reset after": Case(Reset(after=True), (Unavailable,)),
    "cut in the headers": Case(Cut(), (Unavailable,)),
    "torn body": Case(Torn(3), (Unavailable, Corrupt)),
    "500": Case(Refused(500, "InternalServerError", told("InternalServerError")), (Unavailable,)),
    "throttled": Case(Refused(429, "TooManyRequests", told("TooManyRequests")), (Throttled,), sure=True),
    "expired token": Case(
        Refused(401, "ExpiredAuthenticationToken", told("ExpiredAuthenticationToken")), (Unauthenticated,), sure=True
    ),
    "denied": Case(Refused(403, "AuthorizationFailed", told("AuthorizationFailed")), (PermissionDenied,), sure=True),
}
_ONCE = {"reply lost", "cut in the headers"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pauses between tries."""
    import stamina

    monkeypatch.setattr(jobs, "LOOKS", (0.0, 0.05))
    monkeypatch.setattr(tickets, "SECONDS", 0.3)
    stamina.set_testing(True, attempts=6)
    yield
    stamina.set_testing(False)


class Site(NamedTuple):
    """`settings` lead to the emulator, `bad` through the proxy."""

    settings: Settings
    bad: Settings
    proxy: Proxy
    deploy: Deploy


class Deed:
    """Something to do, done twice where the first time failed; `check` looks from outside at what it left."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.name = f"deed-{uuid4().hex[:12]}"

    def prepare(self) -> None:
        pass

    def do(self, settings: Settings) -> None:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError


class PublishFirst(Deed):
    versions = 1

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.functions = open_functions(site.settings)
        self.first, self.second = (self.spec(word) for word in ("before", "after"))

    def spec(self, word: str) -> FunctionSpec:
        return self.site.deploy.spec(answers(word), part=self.name, environment={"WORD": word})

    def do(self, settings: Settings) -> None:
        assert open_functions(settings).publish(self.second) == str(self.versions)

    def check(self) -> None:
        state = self.functions.observe(self.second.name)
        assert state.versions == tuple(str(number + 1) for number in range(self.versions))
        self.functions.delete(self.second.name)


class Publish(PublishFirst):
    """The second version of a function; one of two."""

    versions = 2

    def prepare(self) -> None:
        self.functions.publish(self.first)


class Route(Publish):
    weights = {"1": 0.75, "2": 0.25}  # noqa: RUF012

    def prepare(self) -> None:
        self.functions.publish(self.first)
        self.functions.publish(self.second)

    def do(self, settings: Settings) -> None:
        assert open_functions(settings).route(self.second.name, self.weights).state == "ready"

    def check(self) -> None:
        assert self.functions.observe(self.second.name).weights == self.weights
        super().check()


class Reroute(Route):
    weights = {"2": 1.0}  # noqa: RUF012

    def prepare(self) -> None:
        super().prepare()
        self.functions.route(self.second.name, {"1": 1.0})


class Remove(Reroute):
    def do(self, settings: Settings) -> None:
        open_functions(settings).remove_version(self.second.name, "2")

    def check(self) -> None:
        assert self.functions.observe(self.second.name).versions == ("1",)
        self.functions.delete(self.second.name)


class Delete(Reroute):
    def do(self, settings: Settings) -> None:
        open_functions(settings).delete(self.second.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.functions.observe(self.second.name)


class Submit(Deed):
    """One execution, whatever happened to the replies."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.jobs = open_jobs(site.settings)
        self.job: JobSpec = probe("print=once")

    def do(self, settings: Settings) -> None:
        assert open_jobs(settings).submit(self.job).name == self.job.name

    def check(self) -> None:
        lines = list(self.jobs.logs(self.job.name, follow=True))
        assert [line.text for line in lines] == ["once"]
        assert self.jobs.status(self.job.name).state == "succeeded"
        self.jobs.delete(self.job.name)


class Cancel(Submit):
    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.job = probe("sleep=60")

    def prepare(self) -> None:
        self.jobs.submit(self.job)

    def do(self, settings: Settings) -> None:
        assert open_jobs(settings).cancel(self.job.name).state == "cancelled"

    def check(self) -> None:
        assert self.jobs.status(self.job.name).state == "cancelled"
        self.jobs.delete(self.job.name)


class Schedule(Deed):
    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.schedules = open_schedules(site.settings)

    def spec(self, expression: str) -> ScheduleSpec:
        return ScheduleSpec(
            name=self.name, expression=expression, function=self.site.deploy.name("called"), tags={"a": "b"}
        )

    def do(self, settings: Settings) -> None:
        open_schedules(settings).put(self.spec("rate(2 hours)"))

    def check(self) -> None:
        assert [spec for spec in self.schedules.list() if spec.name == self.name] == [self.spec("rate(2 hours)")]
        self.schedules.delete(self.name)


class Reschedule(Schedule):
    def prepare(self) -> None:
        self.schedules.put(self.spec("rate(1 hour)"))


class Unschedule(Reschedule):
    def do(self, settings: Settings) -> None:
        open_schedules(settings).delete(self.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.schedules.get(self.name)


DEEDS: dict[str, type[Any]] = {
    "publish the first version": PublishFirst,
    "publish the next version": Publish,
    "route": Route,
    "route anew": Reroute,
    "remove a version": Remove,
    "delete a function": Delete,
    "submit a job": Submit,
    "cancel a job": Cancel,
    "put a schedule": Schedule,
    "replace a schedule": Reschedule,
    "delete a schedule": Unschedule,
}


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    settings = site.make()
    functions = open_functions(settings)
    deploy = Deploy(functions, bundle_into(open_store(settings)), runtime=HERE)
    deploy(answers("called"), part="called")
    with Proxy(microsoft.address()) as proxy:
        client.emulated.add(proxy.address)
        bad = {**settings, "endpoint": proxy.address, "services_endpoint": proxy.address}
        yield Site(settings, bad, proxy, deploy)
    deploy.delete()


def from_then_on(wanted: int, case: Case) -> Plan:
    return lambda number, method, target: case.fault if number >= wanted else None


_GATE = {("reply lost", "route anew"), ("reply lost", "submit a job"), ("throttled", "publish the next version")}
each = pytest.mark.parametrize(
    ("case", "made"),
    [
        pytest.param(case, made, id=f"{deed}, {name}", marks=() if (name, deed) in _GATE else pytest.mark.exhaustive)
        for name, case in CASES.items()
        for deed, made in DEEDS.items()
    ],
)


@each
def test_a_fault_at_each_request(place: Site, case: Case, made: type[Any]) -> None:
    at_each_request(place, case, made)


def at_each_request(place: Site, case: Case, made: type[Any]) -> None:
    """Each request once, or from each request on for good: then it fails, and the same again does it."""
    lasting: Callable[[int], Plan] = lambda number: from_then_on(number, case)  # noqa: E731
    once: Callable[[int], Plan] = lambda number: at(number, case.fault)  # noqa: E731
    gentle = case in [CASES[name] for name in _ONCE]
    for number in range(1, MOST_REQUESTS):
        deed = made(place)
        deed.prepare()
        place.proxy.begin((once if gentle else lasting)(number))
        failed = _failed(deed, place, case)
        met = len(place.proxy.seen) >= number
        place.proxy.begin(lambda *_: None)
        if failed:
            deed.do(place.bad)
        deed.check()
        if not met:
            return
    raise AssertionError("it never came to an end")


def _failed(deed: Deed, place: Site, case: Case) -> bool:
    """Whether it failed, as it may."""
    try:
        deed.do(place.bad)
    except ToolkitError as error:
        if not isinstance(error, case.told):
            raise
        return True
    return False
