"""Deploying to Azure Functions, killed wherever it can be."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from uuid import uuid4

import pytest

from tests.adapters.azure import microsoft
from tests.adapters.azure import site as sites
from tests.lifecycle.killed import KilledDeploys
from tests.lifecycle.shop import Shop
from tests.lifecycle.test_deploy_azure import opened
from toolkit.adapters.azure import client
from toolkit.adapters.azure.sites_body import SITES, VERSION
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import NotFound
from toolkit.ports import Settings

pytestmark = pytest.mark.slow
OWN = ("azure-functions/", "azure-timers/")  # records of versions and of schedules


@pytest.fixture(scope="module")
def site() -> Settings:
    """What an operator has made for the shop."""
    return sites.make(stem="shop-test", resource_group=f"shop-{uuid4().hex[:8]}", functions="functions")


class TestAzureSitesDeploys(KilledDeploys):
    opened = staticmethod(opened)
    places = ("/serverfarms/", "/api/publish", "/config/appsettings?", "/authsettingsV2", "/tags/default",
              "azure-timers/")  # fmt: skip
    place = "/api/publish"
    actions = ((6, True),)
    requests = 25
    nothing: ClassVar = {"functions": {}, "timers": []}

    def address(self) -> str:
        return microsoft.address()

    def left_behind(self, site: Settings) -> dict[str, Any]:
        """All of the target's at Azure itself: apps, and the schedules that they are told."""
        arm = client.Arm(site)
        apps = list(arm.pages("list", arm.path(SITES, "").rstrip("/"), VERSION))
        told = [arm.call("look", "POST", f"{app['id']}/config/appsettings/list", VERSION).body for app in apps]
        timers = [one["name"] for app in told for one in json.loads(app["properties"].get("TOOLKIT_TIMERS", "[]"))]
        return {"functions": {app["name"]: app for app in apps}, "timers": timers}

    def as_wanted(self, found: dict[str, Any]) -> None:
        assert len(found["timers"]) == 1

    def gone(self, shop: Shop, site: Settings) -> None:
        """No app, no plan, no record."""
        arm = client.Arm(site)
        names = [*self.left_behind(site)["functions"]]
        super().gone(shop, site)
        for name in names:
            with pytest.raises(NotFound):
                arm.get("look at the plan", arm.path("Microsoft.Web/serverfarms", name), VERSION)
        store = open_store(shop.ctx.bindings["store"].settings)
        assert [meta.key for folder in OWN for meta in store.list(folder)] == []

    def transport(self) -> Any:
        from azure.core.pipeline.transport import RequestsTransport

        return RequestsTransport
