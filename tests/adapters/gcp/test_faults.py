"""The store on Cloud Storage under every fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.adapters.gcp import google
from tests.adapters.gcp.faulting import CASES, quick, waiting
from tests.adapters.state_faults import StateFaultsSuite
from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.store import GcsStore, open_store
from toolkit.testing.faultproxy import Proxy
from toolkit.testing.store_faults import Bucket

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick")]
SINGLE = 256 * 1024  # so that what is larger goes up in a session
LARGE = SINGLE + 1000
_FIXTURES = (quick,)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    settings = google.bucket()
    with Proxy(google.address()) as proxy:
        client.emulated.add(proxy.address)

        def opened(seconds: float) -> GcsStore:
            through = client.storage_over(waiting(proxy.address, seconds), settings["project"], proxy.address)
            where = settings["bucket"], settings["prefix"]
            return GcsStore(*where, client=through, endpoint=proxy.address, single=SINGLE)

        yield Bucket(proxy, open_store(settings), opened, LARGE)


class TestGcpStoreFaults(StateFaultsSuite):
    cases: ClassVar = CASES
    large_requests = 4
    creates = "POST"
