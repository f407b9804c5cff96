"""Event Grid tells a function of the blobs that are written under a prefix, as CloudEvents with an Entra token.

A watch is an event subscription of the storage account itself, so an operator has to prepare nothing. Delivery is tried
for a day, at least once and in no order. The function is asked first whether it takes events (CloudEvents' handshake),
so it has to have traffic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from toolkit.adapters.azure import functions
from toolkit.adapters.azure import names as called
from toolkit.adapters.azure.arm_apps import APPS, Apps
from toolkit.adapters.azure.containerapps_body import host
from toolkit.adapters.azure.events import CREATED
from toolkit.domain import names
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.domain.newdata import WatchSpec
from toolkit.execution.http_calls import EVENT
from toolkit.ports import Settings

VERSION = "2025-02-15"
ACCOUNTS = "Microsoft.Storage/storageAccounts"
SUBSCRIPTIONS = "providers/Microsoft.EventGrid/eventSubscriptions"
KEPT_MINUTES, ATTEMPTS = 1440, 30


def open_watches(settings: Settings) -> GridWatches:
    return GridWatches(settings)


class GridWatches:
    def __init__(self, settings: Settings) -> None:
        self._apps = Apps(settings)
        self._settings = settings
        self._base = f"{settings['prefix']}/" if settings["prefix"] else ""
        self._within = f"/blobServices/default/containers/{settings['container']}/blobs/{self._base}"
        self._path = f"{self._apps.arm.path(ACCOUNTS, settings['account'])}/{SUBSCRIPTIONS}"

    def put(self, spec: WatchSpec) -> None:
        if not spec.prefix:
            raise ConfigError("a watch of the whole store would be called by what the toolkit writes itself",
                              hint='data.source = "store:data/*.csv"')  # fmt: skip
        body = {"properties": self._properties(spec)}
        self._apps.arm.change(f"watch with {spec.function}", "PUT", self._one(spec.name), VERSION, body)

    def list(self) -> Iterator[WatchSpec]:
        found = self._apps.arm.pages("list watches", self._path, VERSION)
        told = [(_told(one["properties"].get("labels") or ()), one["properties"]) for one in found]
        own = [(labels, about) for labels, about in told if labels.get("stem") == self._settings["stem"]]
        for labels, about in sorted(own, key=lambda pair: pair[0]["watch"]):
            prefix = about["filter"]["subjectBeginsWith"].removeprefix(self._within)
            yield WatchSpec(name=labels["watch"], prefix=prefix, function=labels["function"])

    def delete(self, name: str) -> None:
        self._apps.arm.delete(f"delete watch {name}", self._one(name), VERSION)

    def _properties(self, spec: WatchSpec) -> dict[str, Any]:
        labels = {"stem": self._settings["stem"], "watch": spec.name, "function": spec.function}
        return {
            "destination": {
                "endpointType": "WebHook",
                "properties": {
                    "endpointUrl": self._url(spec.function) + EVENT,
                    "maxEventsPerBatch": 1,
                    "azureActiveDirectoryTenantId": self._settings["tenant"],
                    "azureActiveDirectoryApplicationIdOrUri": self._settings["audience"],
                },
            },
            "filter": {
                "includedEventTypes": [CREATED],
                "subjectBeginsWith": self._within + spec.prefix,
                "isSubjectCaseSensitive": True,
            },
            "eventDeliverySchema": "CloudEventSchemaV1_0",
            "retryPolicy": {"eventTimeToLiveInMinutes": KEPT_MINUTES, "maxDeliveryAttempts": ATTEMPTS},
            "labels": [f"{key}={value}" for key, value in labels.items()],
        }

    def _url(self, function: str) -> str:
        if self._apps.settings.get("functions") == functions.FUNCTIONS:
            return functions.url(self._apps.settings, function)
        try:
            body = self._apps.get(f"look at function {function}", self._apps.arm.path(APPS, called.app(function)))
        except NotFound as error:
            raise NotFound(f"function {function!r} does not exist", hint="toolkit deploy") from error.__cause__
        if not (found := host(body)):
            raise NotFound(f"function {function!r} has no traffic yet", hint="toolkit deploy")
        return self._apps.address(found)

    def _one(self, name: str) -> str:
        return f"{self._path}/{names.resource(self._settings['stem'], name, limit=64)}"


def _told(labels: Any) -> dict[str, str]:
    return dict(label.partition("=")[::2] for label in labels)
