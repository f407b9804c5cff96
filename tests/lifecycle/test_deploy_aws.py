"""Deploying on AWS, killed wherever it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from tests.adapters.aws import cloud
from tests.lifecycle.killed import KilledDeploys
from tests.lifecycle.shop import Shop, make_shop
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.operator.bootstrap import open_operator
from toolkit.adapters.aws.settings import AwsSettings
from toolkit.ports import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site() -> Settings:
    """What an operator has made for the shop."""
    where = {"region": cloud.REGION, "endpoint": cloud.address(), "services_endpoint": cloud.address()}
    given = {**where, "bucket": f"bucket-{uuid4().hex[:12]}"}
    context = {"project": "shop", "target": "test"}
    settings = AwsSettings.model_validate(given, context=context).model_dump(mode="json")
    operator = open_operator(settings, {"managed-by": "toolkit", **context})
    for action in operator.plan().changes:
        operator.carry_out(action)
    return settings


def opened(folder: Path, settings: Settings) -> Shop:
    return make_shop(folder, provider="aws", settings=dict(settings))


class TestAwsDeploys(KilledDeploys):
    opened = staticmethod(opened)
    places = ("/functions", "/versions", "/aliases", "/schedules/", "journal/")
    place = "/aliases"
    requests = 30
    nothing: ClassVar = {"functions": {}, "schedules": [], "logs": {}}

    def address(self) -> str:
        return cloud.address()

    def left_behind(self, site: Settings) -> dict[str, Any]:
        """All of the target's at AWS itself: functions with their versions, schedules, logs with their retention."""
        own = Names(site["stem"])
        services = {name: client(name, cloud.REGION, cloud.address()) for name in ("lambda", "scheduler", "logs")}
        functions = {}
        for found in services["lambda"].get_paginator("list_functions").paginate().build_full_result()["Functions"]:
            tags = services["lambda"].list_tags(Resource=found["FunctionArn"])["Tags"]
            if tags.get("project") == "shop":
                versions = services["lambda"].list_versions_by_function(FunctionName=found["FunctionName"])["Versions"]
                functions[found["FunctionName"]] = [one["Version"] for one in versions]
        schedules = services["scheduler"].list_schedules(GroupName=own.schedule_group)["Schedules"]
        groups = services["logs"].describe_log_groups(logGroupNamePrefix=own.function_group(own.functions))["logGroups"]
        return {
            "functions": functions,
            "schedules": [one["Name"] for one in schedules],
            "logs": {one["logGroupName"]: one.get("retentionInDays") for one in groups},
        }

    def as_wanted(self, found: dict[str, Any]) -> None:
        assert set(map(tuple, found["functions"].values())) == {("$LATEST", "1")}, "no version that nobody asked for"
        assert len(found["schedules"]) == 1
        assert len(found["logs"]) == 2
        assert all(found["logs"].values())

    def transport(self) -> Any:
        from botocore.httpsession import URLLib3Session

        return URLLib3Session
