"""Deploying on Azure, killed wherever it can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from msgspec.structs import replace

from tests.adapters.azure import microsoft
from tests.adapters.azure import site as sites
from tests.lifecycle.killed import KilledDeploys
from tests.lifecycle.shop import Shop, make_shop
from toolkit.adapters.azure import client
from toolkit.adapters.azure.arm_apps import APPS, JOBS, Apps
from toolkit.ports import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site() -> Settings:
    """What an operator has made for the shop."""
    return sites.make(stem="shop-test", resource_group=f"shop-{uuid4().hex[:8]}")


def opened(folder: Path, settings: Settings) -> Shop:
    """On the Python that runs the emulator: there is no other image here."""
    client.emulated.add(settings["endpoint"])
    shop = make_shop(folder, provider="azure", settings=dict(settings))
    shop.ctx.providers["azure"] = replace(shop.ctx.providers["azure"], function_python="host")
    return shop


class TestAzureDeploys(KilledDeploys):
    opened = staticmethod(opened)
    places = ("/containerApps/", "/authConfigs/", "/jobs/", "journal/")
    place = "/authConfigs/"
    requests = 25
    nothing: ClassVar = {"functions": {}, "jobs": []}

    def address(self) -> str:
        return microsoft.address()

    def left_behind(self, site: Settings) -> dict[str, Any]:
        """All of the target's at Azure itself: apps with their revisions, and jobs."""
        apps = Apps(site)
        functions = {}
        for app in apps.pages("list", apps.arm.path(APPS, "").rstrip("/")):
            functions[app["name"]] = [one["name"] for one in apps.pages("list", f"{app['id']}/revisions")]
        return {
            "functions": functions,
            "jobs": [job["name"] for job in apps.pages("list", apps.arm.path(JOBS, "").rstrip("/"))],
        }

    def as_wanted(self, found: dict[str, Any]) -> None:
        assert all(revisions == [f"{app}--v1"] for app, revisions in found["functions"].items()), found
        assert len(found["jobs"]) == 1, "the schedule"

    def transport(self) -> Any:
        from azure.core.pipeline.transport import RequestsTransport

        return RequestsTransport
