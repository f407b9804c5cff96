"""One SeaweedFS for this process's tests, a folder of one's own for every case: a bucket takes it seven volumes."""

from __future__ import annotations

import atexit
from functools import cache
from uuid import uuid4

from tests.adapters.aws import cloud
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.ports import Settings
from toolkit.testing.seaweed import Seaweed

BUCKET = "bucket"


def folder() -> Settings:
    where = {"region": cloud.REGION, "endpoint": address(), "listing": "folders", "bucket": BUCKET}
    context = {"project": f"p-{uuid4().hex[:12]}", "target": "test"}
    return AwsSettings.model_validate(where, context=context).model_dump(mode="json")


@cache
def address() -> str:
    cloud.clean()
    server = Seaweed()
    atexit.register(server.stop)
    cloud.make_bucket({"endpoint": server.address, "bucket": BUCKET})
    return server.address
