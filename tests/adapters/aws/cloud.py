"""moto over the wire for this process's tests: one server, a bucket or a folder of one's own for every case.

With `pytest --live` the same names give a folder of one's own in the bucket of a target on an account (see `live`).
"""

from __future__ import annotations

import os
from uuid import uuid4

from tests.adapters.aws import live
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.emulator import COMMAND
from toolkit.adapters.aws.operator.bootstrap import open_operator
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.ports import Settings
from toolkit.testing.servers import shared

REGION = "eu-west-1"
# Set for good: clients are kept, and read these when they are first used. Nothing of the developer's is read.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def address() -> str:
    """Of the server, which is started when it is first asked for; "" is AWS itself."""
    if live.session is not None:
        return ""
    clean()
    return shared(COMMAND)


def region() -> str:
    return live.session.region if live.session else REGION


def begin() -> str:
    """What the names of functions and topics have to begin with."""
    return live.session.begin if live.session else "probe"


def tags() -> dict[str, str]:
    """Of what a test makes by itself."""
    return live.session.tags if live.session else {"managed-by": "toolkit"}


def clean() -> None:
    """Credentials of nobody, for good: the emulators take any."""
    os.environ.update(ENVIRONMENT)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        os.environ.pop(name, None)


def settings(**more: object) -> Settings:
    """Of a project of one's own on the server."""
    if live.session is not None:
        return live.session.settings(**more)
    where = {"region": REGION, "endpoint": address(), "services_endpoint": address()}
    context = {"project": f"p-{uuid4().hex[:12]}", "target": "test"}
    return AwsSettings.model_validate({**where, **more}, context=context).model_dump(mode="json")


def bucket() -> Settings:
    """The settings with a new, empty bucket."""
    if live.session is not None:
        return live.session.settings()
    found = settings(bucket=f"bucket-{uuid4().hex[:12]}")
    make_bucket(found)
    return found


def make_bucket(found: Settings) -> None:
    place = {"LocationConstraint": REGION}
    service = client("s3", REGION, found["endpoint"])
    service.create_bucket(Bucket=found["bucket"], CreateBucketConfiguration=place)


def prepared() -> Settings:
    """The settings of a project for which an operator has made everything: bucket, roles, queues, groups."""
    if live.session is not None:
        return live.session.settings()
    found = settings(bucket=f"bucket-{uuid4().hex[:12]}")
    operator = open_operator(found, {"managed-by": "toolkit", "project": found["prefix"], "target": "test"})
    for action in operator.plan().changes:
        operator.carry_out(action)
    return found
