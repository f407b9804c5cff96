"""What changes functions, jobs and schedules on Azure, with a fault at each of its requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar

import pytest
import stamina

from tests.adapters.azure import microsoft
from tests.adapters.azure import site as sites
from tests.support import HERE
from toolkit.adapters.azure import client, jobs
from toolkit.adapters.azure.functions import open_functions
from toolkit.adapters.azure.jobs import open_jobs
from toolkit.adapters.azure.schedules import open_schedules
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import Corrupt, PermissionDenied, Throttled, Unauthenticated, Unavailable
from toolkit.execution import tickets
from toolkit.ports import Settings
from toolkit.testing import deeds
from toolkit.testing.faultcases import NETWORK, Case
from toolkit.testing.faultproxy import Applied, Proxy, Refused, Torn
from toolkit.testing.functions import Deploy, answers, bundle_into
from toolkit.testing.service_faults import Ports, ServiceFaultsSuite, Site

pytestmark = pytest.mark.slow


def told(code: str) -> str:
    """An error as ARM tells it."""
    return json.dumps({"error": {"code": code, "message": "The service is not well."}})


CASES = {
    **{name: NETWORK[name] for name in ("reply lost", "reset after", "cut in the headers")},
    "applied, then 503": Case(Applied(503, "ServiceUnavailable", told("ServiceUnavailable")), (Unavailable,)),
    "torn body": Case(Torn(3), (Unavailable, Corrupt)),
    "500": Case(Refused(500, "InternalServerError", told("InternalServerError")), (Unavailable,)),
    "throttled": Case(Refused(429, "TooManyRequests", told("TooManyRequests")), (Throttled,), sure=True),
    "expired token": Case(
        Refused(401, "ExpiredAuthenticationToken", told("ExpiredAuthenticationToken")), (Unauthenticated,), sure=True
    ),
    "denied": Case(Refused(403, "AuthorizationFailed", told("AuthorizationFailed")), (PermissionDenied,), sure=True),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pauses between tries."""
    monkeypatch.setattr(jobs, "LOOKS", (0.0, 0.05))
    monkeypatch.setattr(tickets, "SECONDS", 0.3)
    stamina.set_testing(True, attempts=6)
    yield
    stamina.set_testing(False)


def opened(settings: Settings) -> Ports:
    return Ports({
        "functions": lambda: open_functions(settings),
        "jobs": lambda: open_jobs(settings),
        "schedules": lambda: open_schedules(settings),
    })  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    settings = sites.make()
    ports = opened(settings)
    deploy = Deploy(ports.functions, bundle_into(open_store(settings)), runtime=HERE)
    deploy(answers("called"), part="called")
    with Proxy(microsoft.address()) as proxy:
        client.emulated.add(proxy.address)
        yield Site(settings, ports, proxy, deploy)
    deploy.delete()


def through(site: Site) -> Ports:
    there = site.proxy.address
    return opened({**site.settings, "endpoint": there, "services_endpoint": there})


@pytest.fixture
def ports(site: Site) -> Ports:
    return through(site)


class TestAzureServiceFaults(ServiceFaultsSuite):
    cases: ClassVar = CASES
    deeds: ClassVar = {
        "publish the first version": deeds.PublishFirst,
        "publish the next version": deeds.Publish,
        "route": deeds.Route,
        "route anew": deeds.Reroute,
        "remove a version": deeds.RemoveNewest,
        "delete a function": deeds.DeleteServing,
        "submit a job": deeds.Submit,
        "cancel a job": deeds.Cancel,
        "put a schedule": deeds.Schedule,
        "replace a schedule": deeds.Reschedule,
        "delete a schedule": deeds.Unschedule,
    }
    gate: ClassVar = {
        ("route anew", "reply lost"), ("submit a job", "reply lost"), ("publish the next version", "throttled"),
    }  # fmt: skip
