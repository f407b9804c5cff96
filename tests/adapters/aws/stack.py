"""ministack over the wire for this process's tests, beside moto (`cloud`): one server, a project of one's own each."""

from __future__ import annotations

from uuid import uuid4

from tests.adapters.aws import cloud
from toolkit.adapters.aws.emulator.ministack import COMMAND
from toolkit.adapters.aws.operator.bootstrap import open_operator
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.ports import Settings
from toolkit.testing.servers import shared


def address() -> str:
    """Of the server, which is started when it is first asked for."""
    cloud.clean()
    return shared(COMMAND)


def settings(**more: object) -> Settings:
    where = {"region": cloud.REGION, "endpoint": address(), "services_endpoint": address()}
    context = {"project": f"p-{uuid4().hex[:12]}", "target": "test"}
    return AwsSettings.model_validate({**where, **more}, context=context).model_dump(mode="json")


def bucket() -> Settings:
    found = settings(bucket=f"bucket-{uuid4().hex[:12]}")
    cloud.make_bucket(found)
    return found


def prepared() -> Settings:
    """The settings of a project for which an operator has made everything."""
    found = settings(bucket=f"bucket-{uuid4().hex[:12]}")
    operator = open_operator(found, {"managed-by": "toolkit", "project": found["prefix"], "target": "test"})
    for action in operator.plan().changes:
        operator.carry_out(action)
    return found
