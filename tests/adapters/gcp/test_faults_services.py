"""What changes functions, jobs and secrets on Google Cloud, with a fault at each of its requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.adapters.gcp import google
from tests.adapters.gcp.faulting import CASES, quick
from tests.support import HERE
from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.functions import open_functions
from toolkit.adapters.gcp.jobs import open_jobs
from toolkit.adapters.gcp.secrets import open_secrets
from toolkit.adapters.gcp.store import open_store
from toolkit.ports import Settings
from toolkit.ports.jobs import Jobs
from toolkit.testing import deeds
from toolkit.testing.faultcases import Case
from toolkit.testing.faultproxy import Proxy, Slow
from toolkit.testing.functions import Deploy, bundle_into
from toolkit.testing.service_faults import Ports, ServiceFaultsSuite, Site

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]
_FIXTURES = (quick,)


class AllPorts(Ports):
    """`batch` are the jobs that go to Batch."""

    def __init__(self, there: Settings) -> None:
        super().__init__({
            "functions": lambda: open_functions(there),
            "jobs": lambda: open_jobs(there),
            "secrets": lambda: open_secrets(there),
        })  # fmt: skip
        self.batch: Jobs = open_jobs({**there, "batch": "always"})


class InBatch(deeds.Submit):
    def of(self, ports: Ports) -> Jobs:
        assert isinstance(ports, AllPorts)
        return ports.batch


class CancelInBatch(InBatch, deeds.Cancel):
    pass


class DeleteInBatch(InBatch, deeds.DeleteJob):
    pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    settings = google.bucket()
    ports = AllPorts(settings)
    deploy = Deploy(ports.functions, bundle_into(open_store(settings)), runtime=HERE)
    with Proxy(google.address()) as proxy:
        client.emulated.add(proxy.address)
        yield Site(settings, ports, proxy, deploy)
    deploy.delete()


class TestGcpServiceFaults(ServiceFaultsSuite):
    cases: ClassVar = CASES
    deeds: ClassVar = {
        "publish the first version": deeds.PublishFirst,
        "publish the next version": deeds.Publish,
        "route": deeds.Route,
        "route what is open": deeds.RouteOpen,
        "remove a version": deeds.RemoveVersion,
        "delete a function": deeds.DeleteFunction,
        "submit a job": deeds.Submit,
        "cancel a job": deeds.Cancel,
        "delete a job": deeds.DeleteJob,
        "submit a job to Batch": InBatch,
        "cancel a job in Batch": CancelInBatch,
        "delete a job in Batch": DeleteInBatch,
        "put a secret": deeds.Secret,
        "replace a secret": deeds.ReplaceSecret,
        "delete a secret": deeds.DeleteSecret,
    }
    gate: ClassVar = {
        (deed, "reply lost")
        for deed in ("publish the next version", "route", "submit a job", "submit a job to Batch")
    }  # fmt: skip

    @pytest.fixture
    def ports(self, site: Site, case: Case, monkeypatch: pytest.MonkeyPatch) -> Ports:
        if isinstance(case.fault, Slow):
            monkeypatch.setattr(client, "SECONDS", (5.0, case.seconds))
        return AllPorts({**site.settings, "services_endpoint": site.proxy.address})
