"""What changes functions, jobs, schedules and secrets, with a fault at each of its requests: a clear error or none, and
the same command again leaves exactly what was asked for, once. The deeds are in `deeds`.

    class TestMine(ServiceFaultsSuite):
        cases = {**NETWORK, "throttled": Case(Refused(429, "Busy"), (Throttled,), sure=True)}
        deeds = {"route": Route, "put a secret": Secret}
        gate = {("route", "reply lost")}

        @pytest.fixture
        def ports(self, site, case): return Ports({"functions": lambda: open_functions(... site.proxy.address ...)})
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple, cast
from uuid import uuid4

import pytest

from toolkit.domain.errors import ToolkitError
from toolkit.ports import Settings
from toolkit.ports.functions import Functions
from toolkit.ports.jobs import Jobs
from toolkit.ports.schedules import Schedules
from toolkit.ports.secrets import Secrets
from toolkit.testing.deploying import Deploy
from toolkit.testing.faultcases import Case
from toolkit.testing.faultproxy import Plan, Proxy, Slow, at

MOST_REQUESTS = 60  # that a deed may take
_ONCE = ("reply lost", "cut in the headers")  # else from a request on for good


class Ports:
    """Opened by name, when they are first used."""

    def __init__(self, openers: Mapping[str, Callable[[], Any]]) -> None:
        self._openers = openers

    @cached_property
    def functions(self) -> Functions:
        return cast("Functions", self._openers["functions"]())

    @cached_property
    def jobs(self) -> Jobs:
        return cast("Jobs", self._openers["jobs"]())

    @cached_property
    def schedules(self) -> Schedules:
        return cast("Schedules", self._openers["schedules"]())

    @cached_property
    def secrets(self) -> Secrets:
        return cast("Secrets", self._openers["secrets"]())


class Site(NamedTuple):
    """`ports` lead straight to the services, as `settings` say; `proxy` stands before them."""

    settings: Settings
    ports: Ports
    proxy: Proxy
    deploy: Deploy


class Deed:
    """Something to do, done again where the first time failed; `check` looks from outside at what it left and takes it
    away. `site.ports` are straight, those that `do` is given lead through the faults."""

    def __init__(self, site: Site) -> None:
        self.site, self.ports = site, site.ports
        self.name = f"deed-{uuid4().hex[:12]}"

    def prepare(self) -> None:
        """What has to be there before."""

    def do(self, ports: Ports) -> None:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError


class ServiceFaultsSuite:
    """Give `cases`, `deeds` and the fixtures `site` and `ports`, those of the site through its proxy. `gate` has the
    pairs (deed, case) that every run of the tests takes; all others are for the long run."""

    cases: ClassVar[Mapping[str, Case]]
    deeds: ClassVar[Mapping[str, type[Deed]]]
    gate: ClassVar[Collection[tuple[str, str]]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "made" in metafunc.fixturenames:
            metafunc.parametrize(
                ("made", "case"),
                [
                    pytest.param(
                        made,
                        case,
                        id=f"{deed}-{name}",
                        marks=() if (deed, name) in self.gate else pytest.mark.exhaustive,
                    )
                    for deed, made in self.deeds.items()
                    for name, case in self.cases.items()
                ],
            )

    def test_a_fault_at_each_request(self, site: Site, ports: Ports, made: type[Deed], case: Case) -> None:
        """Each request once, or from each request on for good: then it fails, and the same again does it."""
        gentle = isinstance(case.fault, Slow) or case in [self.cases[name] for name in _ONCE]
        for number in range(1, MOST_REQUESTS):
            deed = made(site)
            deed.prepare()
            site.proxy.begin(at(number, case.fault) if gentle else _from_then_on(number, case))
            failed = _failed(deed, ports, case)
            met = len(site.proxy.seen) >= number
            site.proxy.begin(lambda *_: None)
            if failed:
                deed.do(ports)
            deed.check()
            if not met:
                return
        raise AssertionError("it never came to an end")


def _from_then_on(wanted: int, case: Case) -> Plan:
    return lambda number, method, target: case.fault if number >= wanted else None


def _failed(deed: Deed, ports: Ports, case: Case) -> bool:
    """Whether it failed, as it may: with a hint and without a secret. What fails otherwise is not done again."""
    try:
        deed.do(ports)
    except ToolkitError as error:
        if not isinstance(error, case.told):
            raise
        assert error.hint
        assert "the-value" not in f"{error} {error.__cause__}"
        return True
    return False
