"""The store on S3 under every fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.adapters.aws import cloud
from tests.adapters.aws.faulting import CASES, quick
from tests.adapters.state_faults import StateFaultsSuite
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.store import S3Store, open_store
from toolkit.testing.faultproxy import Proxy
from toolkit.testing.store_faults import Bucket

PART = 5 * 1024**2  # the smallest that S3 takes
LARGE = PART + 1000

_quick = pytest.fixture(autouse=True)(quick)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    settings = cloud.bucket()
    with Proxy(cloud.address()) as proxy:

        def opened(seconds: float) -> S3Store:
            where = ("s3", cloud.REGION, proxy.address)
            reads, writes = (client(*where, retries=retries, read_seconds=seconds) for retries in (True, False))
            return S3Store(settings["bucket"], settings["prefix"], reads=reads, writes=writes, part=PART)

        yield Bucket(proxy, open_store(settings), opened, LARGE)


class TestAwsStoreFaults(StateFaultsSuite):
    cases: ClassVar = CASES
    large_requests = 7

    def half_done(self, bucket: Bucket) -> frozenset[str]:
        store = bucket.store
        assert isinstance(store, S3Store)
        listed = store._reads.list_multipart_uploads(Bucket=store._bucket).get("Uploads", ())
        return frozenset(upload["UploadId"] for upload in listed)
