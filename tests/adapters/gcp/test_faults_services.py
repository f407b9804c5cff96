"""What changes functions, jobs and secrets, with a fault at each of its requests: a clear error or none, and the same
command again leaves exactly what was asked for, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from tests.adapters.gcp import google
from tests.adapters.gcp.faulting import CASES, Case, impatient, quick
from tests.conformance.test_gcp_functions import HERE
from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.functions import RunFunctions, open_functions
from toolkit.adapters.gcp.jobs import open_jobs
from toolkit.adapters.gcp.secrets import open_secrets
from toolkit.adapters.gcp.store import open_store
from toolkit.domain.errors import NotFound, ToolkitError
from toolkit.domain.specs import JOB_FINAL, FunctionSpec, HttpRequest
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs
from toolkit.testing.faultproxy import Plan, Proxy, Slow, at
from toolkit.testing.functions import Deploy, answers, bundle_into
from toolkit.testing.jobs import probe

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]
MOST_REQUESTS = 60
_FIXTURES = (impatient, quick)


class Site(NamedTuple):
    settings: Settings
    proxy: Proxy
    deploy: Deploy


class Ports:
    """All ports of the site, through the proxy."""

    def __init__(self, site: Site) -> None:
        there = {**site.settings, "services_endpoint": site.proxy.address}
        self.functions: RunFunctions = open_functions(there)
        self.jobs: Jobs = open_jobs(there)
        self.batch: Jobs = open_jobs({**there, "batch": "always"})
        self.secrets = open_secrets(there)


class Deed:
    """Something to do, done again where the first time failed; `check` looks from outside at what it left."""

    def __init__(self, site: Site) -> None:
        self.settings = site.settings
        self.name = f"deed-{uuid4().hex[:12]}"
        self.deploy = site.deploy
        self.functions = open_functions(self.settings)

    def prepare(self) -> None:
        pass

    def do(self, ports: Ports) -> None:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError


class Publish(Deed):
    """The second version of a function; one of two."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
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
        self.functions.delete(self.second.name)


class PublishFirst(Publish):
    def prepare(self) -> None:
        pass

    def do(self, ports: Ports) -> None:
        assert ports.functions.publish(self.second) == "1"

    def check(self) -> None:
        assert self.functions.observe(self.second.name).versions == ("1",)
        self.functions.delete(self.second.name)


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
        self.functions.delete(self.second.name)


class Open(Route):
    """Who may call is a request of its own."""

    def spec(self, word: str) -> FunctionSpec:
        return self.deploy.spec(answers(word), part=self.name, environment={"WORD": word}, auth="public")


class Remove(Route):
    def prepare(self) -> None:
        super().prepare()
        self.functions.route(self.second.name, {"2": 1.0})

    def do(self, ports: Ports) -> None:
        ports.functions.remove_version(self.second.name, "1")

    def check(self) -> None:
        assert self.functions.observe(self.second.name).versions == ("2",)
        assert self.functions.request(self.second.name, HttpRequest()).body == b"after"
        self.functions.delete(self.second.name)


class Delete(Route):
    def do(self, ports: Ports) -> None:
        ports.functions.delete(self.second.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.functions.observe(self.second.name)


class Submit(Deed):
    """One job, run once, however often it was asked for."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.jobs = open_jobs(self.settings)
        self.job = probe("print=once", name=self.name)

    def do(self, ports: Ports) -> None:
        assert ports.jobs.submit(self.job).id == self.name

    def check(self) -> None:
        assert [line.text for line in self.jobs.logs(self.name, follow=True)] == ["once"]
        assert [status.name for status in self.jobs.list()] == [self.name]
        self.jobs.delete(self.name)


class Stop(Submit):
    def prepare(self) -> None:
        self.job = probe("sleep=60", name=self.name)
        self.jobs.submit(self.job)

    def do(self, ports: Ports) -> None:
        assert ports.jobs.cancel(self.name).state == "cancelled"

    def check(self) -> None:
        assert self.jobs.status(self.name).state == "cancelled"
        self.jobs.delete(self.name)


class Forget(Submit):
    def prepare(self) -> None:
        self.jobs.submit(self.job)
        while self.jobs.status(self.name).state not in JOB_FINAL:
            pass

    def do(self, ports: Ports) -> None:
        ports.jobs.delete(self.name)

    def check(self) -> None:
        with pytest.raises(NotFound):
            self.jobs.status(self.name)


class SubmitToBatch(Submit):
    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.jobs = open_jobs({**self.settings, "batch": "always"})

    def do(self, ports: Ports) -> None:
        assert ports.batch.submit(self.job).id == self.name


class StopInBatch(SubmitToBatch, Stop):
    def do(self, ports: Ports) -> None:
        assert ports.batch.cancel(self.name).state == "cancelled"


class ForgetInBatch(SubmitToBatch, Forget):
    def do(self, ports: Ports) -> None:
        ports.batch.delete(self.name)


class Secret(Deed):
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


DEEDS: dict[str, type[Deed]] = {
    "publish the first version": PublishFirst,
    "publish the next version": Publish,
    "route": Route,
    "route what is open": Open,
    "remove a version": Remove,
    "delete a function": Delete,
    "submit a job": Submit,
    "cancel a job": Stop,
    "delete a job": Forget,
    "submit a job to Batch": SubmitToBatch,
    "cancel a job in Batch": StopInBatch,
    "delete a job in Batch": ForgetInBatch,
    "put a secret": Secret,
    "replace a secret": OtherSecret,
    "delete a secret": NoSecret,
}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    settings = google.bucket()
    deploy = Deploy(open_functions(settings), bundle_into(open_store(settings)), runtime=HERE)
    with Proxy(google.address()) as proxy:
        client.emulated.add(proxy.address)
        yield Site(settings, proxy, deploy)
    deploy.delete()


def from_then_on(wanted: int, case: Case) -> Plan:
    return lambda number, method, target: case.fault if number >= wanted else None


_GATE = {
    "publish the next version",
    "route",
    "submit a job",
    "submit a job to Batch",
}  # with a lost reply; the rest is for the long run


def _pairs() -> Iterator[Any]:
    for what, made in DEEDS.items():
        for name, case in CASES.items():
            short = name == "reply lost" and what in _GATE
            yield pytest.param(made, case, id=f"{what}-{name}", marks=() if short else pytest.mark.exhaustive)


_ONCE = {"reply lost", "cut in the headers"}


@pytest.mark.parametrize(("made", "case"), list(_pairs()))
def test_a_fault_at_each_request(site: Site, made: type[Deed], case: Case, request: pytest.FixtureRequest) -> None:
    """Each request once, and from each request on for good: then it fails, and the same again does it."""
    slow = isinstance(case.fault, Slow)
    if slow:
        request.getfixturevalue("impatient")
    ports = Ports(site)
    lasting: Callable[[int], Plan] = lambda number: from_then_on(number, case)  # noqa: E731
    once: Callable[[int], Plan] = lambda number: at(number, case.fault)  # noqa: E731
    gentle = case in [CASES[name] for name in _ONCE] or slow
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


def _told(deed: Deed, ports: Ports, case: Case) -> bool:
    """Whether it failed, as it may: with a hint and without the secret. (What fails otherwise is not done again.)"""
    try:
        deed.do(ports)
    except ToolkitError as error:
        if not isinstance(error, case.told):
            raise
        said: Any = f"{error} {error.__cause__}"
        return bool(error.hint) and "the-value" not in said
    return False
