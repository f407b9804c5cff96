"""The store on Blob Storage under every fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.adapters.azure import microsoft
from tests.adapters.azure.faulting import CASES, quick
from tests.adapters.state_faults import StateFaultsSuite
from toolkit.adapters.azure import client
from toolkit.adapters.azure.store import BlobStore, open_store
from toolkit.domain.errors import ToolkitError
from toolkit.ports.store import Match
from toolkit.testing.faultproxy import Proxy, first
from toolkit.testing.store_faults import NEW, OLD, Bucket

SINGLE, BLOCK = 64 * 1024, 40_000
LARGE = SINGLE + 1000

_quick = pytest.fixture(autouse=True)(quick)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    settings = microsoft.bucket()
    where = settings["account"], settings["container"], settings["prefix"]
    with Proxy(microsoft.address()) as proxy:
        client.emulated.add(proxy.address)

        def opened(seconds: float) -> BlobStore:
            return BlobStore(*where, endpoint=proxy.address, single=SINGLE, block=BLOCK, seconds=seconds)

        yield Bucket(proxy, open_store(settings), opened, LARGE)


class TestAzureStoreFaults(StateFaultsSuite):
    cases: ClassVar = CASES
    large_requests = 5
    large_gate = 2
    large_without = ("denied",)  # who may write no blocks writes it whole: see test_rbac

    def test_a_swap_through_each_fault_is_won_or_in_doubt(self, bucket: Bucket) -> None:
        for case in CASES.values():
            seen = bucket.store.put("swap", OLD)
            bucket.proxy.begin(first(case.fault))
            try:
                bucket.under(case).put("swap", NEW, Match(seen.etag))
            except ToolkitError as error:
                assert isinstance(error, case.told), case  # noqa: PT017
                assert bucket.store.get("swap").data in ({OLD} if case.sure else {OLD, NEW})
            else:
                assert bucket.store.get("swap").data == NEW
            assert bucket.proxy.count("PUT") == (2 if case.fault == CASES["throttled"].fault else 1), "sent once"
        bucket.store.delete("swap")
