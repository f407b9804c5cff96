"""Deploying on Google Cloud, killed wherever it can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from tests.adapters.gcp import google
from tests.lifecycle.killed import KilledDeploys
from tests.lifecycle.shop import Shop, make_shop
from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.emulator.containers import own_python
from toolkit.adapters.gcp.function_service import NAME, TAGS
from toolkit.adapters.gcp.operator.bootstrap import open_operator
from toolkit.adapters.gcp.settings import GcpSettings
from toolkit.ports import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site() -> Settings:
    """What an operator has made for the shop."""
    address = google.address()
    given = {
        "project": f"shop-{uuid4().hex[:12]}", "region": "europe-west1", "bucket": f"bucket-{uuid4().hex[:12]}",
        "endpoint": address, "services_endpoint": address,
    }  # fmt: skip
    context = {"project": "shop", "target": "test"}
    settings = GcpSettings.model_validate(given, context=context).model_dump(mode="json")
    operator = open_operator(settings, {"managed-by": "toolkit", **context})
    for action in operator.plan().changes:
        operator.carry_out(action)
    return settings


def opened(folder: Path, settings: Settings) -> Shop:
    client.emulated.add(settings["endpoint"])
    made = make_shop(folder, provider="gcp", settings=dict(settings))
    # The emulator has images with its own Python only.
    return made.configure(serve=made.ctx.project.serve.model_copy(update={"python": own_python()}))


class TestGcpDeploys(KilledDeploys):
    opened = staticmethod(opened)
    places = ("/services", "etIamPolicy", "cloudscheduler", "/upload/")  # what goes up has its name in its body
    place = "/services"
    requests = 20
    nothing: ClassVar = {"functions": {}, "schedules": []}

    def address(self) -> str:
        return google.address()

    def left_behind(self, site: Settings) -> dict[str, Any]:
        """All of the target's at Google itself: services with their revisions, schedules."""
        run = client.Api("run.googleapis.com", "v2", site["services_endpoint"])
        scheduler = client.Api("cloudscheduler.googleapis.com", "v1", site["services_endpoint"])
        parent = f"projects/{site['project']}/locations/{site['region']}"
        functions = {}
        for found in run.pages("look", f"{parent}/services", "services"):
            assert json.loads(found["annotations"][TAGS])["project"] == "shop"
            revisions = run.pages("look", f"{found['name']}/revisions", "revisions")
            functions[found["annotations"][NAME]] = [one["name"].rpartition("-")[2] for one in revisions]
        schedules = [one["name"] for one in scheduler.pages("look", f"{parent}/jobs", "jobs")]
        return {"functions": functions, "schedules": schedules}

    def as_wanted(self, found: dict[str, Any]) -> None:
        assert set(map(tuple, found["functions"].values())) == {("v1",)}, "no version that nobody asked for"
        assert len(found["schedules"]) == 1

    def transport(self) -> Any:
        from requests.adapters import HTTPAdapter

        return HTTPAdapter
