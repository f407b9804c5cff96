"""What an operator makes in Azure Resource Manager: kept, shown, and done when it was looked at twice.

The storage account is the emulator's own (its containers are made in Azurite); of the rest only the record is kept.
Role definitions and assignments go to `rbac`, which says who may do what.
"""

from __future__ import annotations

import copy
import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

from toolkit.adapters.azure.emulator import arm_rules
from toolkit.adapters.azure.emulator.arm_room import GROUP
from toolkit.adapters.azure.emulator.rbac import Rbac
from toolkit.adapters.azure.emulator.refused import Refused, invalid, missing
from toolkit.adapters.azure.emulator.rest import Call, Method, Reply
from toolkit.adapters.azure.emulator.shapes import Field, Shape

ARM = "management.azure.com"
TAGS = Field(dict[str, str])
LOCATION = Field(str, required=True)
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# of services whose models are not among the SDKs here
RESOURCE_GROUP = Shape({"location": LOCATION, "tags": TAGS})
REGISTRY = Shape(
    {
        "location": LOCATION, "tags": TAGS,
        "sku": Field(Shape({"name": Field(str, required=True)}), required=True),
        "properties": Field(Shape({"adminUserEnabled": Field(bool), "anonymousPullEnabled": Field(bool)})),
    }
)  # fmt: skip
_COLUMN = Shape({"name": Field(str, required=True), "type": Field(str, required=True)})
_FLOW = Shape(
    {
        "streams": Field(list[str], required=True), "destinations": Field(list[str], required=True),
        "transformKql": Field(str), "outputStream": Field(str),
    }
)  # fmt: skip
_INTO = Shape({"name": Field(str, required=True), "workspaceResourceId": Field(str, required=True)})
RULE = Shape(
    {
        "location": LOCATION, "tags": TAGS, "kind": Field(str),
        "properties": Field(
            Shape(
                {
                    "streamDeclarations": Field(dict[str, Any]),
                    "destinations": Field(Shape({"logAnalytics": Field(Shape(items=_INTO))}), required=True),
                    "dataFlows": Field(Shape(items=_FLOW), required=True),
                }
            ),
            required=True,
        ),
    }
)  # fmt: skip


class Resources:
    """`make_container(name)` makes one in the storage account; whoever has that says how."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.make_container: Callable[[str], None] = lambda name: None
        self._lock = threading.Lock()
        self._kept: dict[str, dict[str, Any]] = {}
        self._polls: dict[str, int] = {}
        self.rbac = Rbac()

    def ids(self, end: str) -> tuple[str, ...]:
        """Of the resources whose id ends so: one for every group that has it, since names are not the world's here."""
        with self._lock:
            return tuple(made["id"] for where, made in self._kept.items() if where.endswith(end.lower()))

    def where(self, name: str, value: str) -> tuple[str, ...]:
        """Ids of the resources that have this property."""
        with self._lock:
            return tuple(made["id"] for made in self._kept.values() if made["properties"].get(name) == value)

    def methods(self) -> tuple[Method, ...]:
        from azure.mgmt.authorization.v2022_04_01 import models as authorization
        from azure.mgmt.keyvault import models as keyvault
        from azure.mgmt.loganalytics import models as logs
        from azure.mgmt.msi.v2024_11_30 import models as msi
        from azure.mgmt.storage import models as storage

        provider = f"{GROUP}/providers"
        account = f"{provider}/Microsoft.Storage/storageAccounts/{{account}}"
        blobs = f"{account}/blobServices/{{service}}"
        workspace = f"{provider}/Microsoft.OperationalInsights/workspaces/{{workspace}}"
        rights = "providers/Microsoft.Authorization"
        assignment, models = f"{rights}/roleAssignments/{{assignment}}", storage
        return (
            *self._of(GROUP, RESOURCE_GROUP, "2024-07-01"),
            *self._of(account, models.StorageAccountCreateParameters, "2026-09-01"),
            *self._of(blobs, models.BlobServiceProperties, "2026-09-01"),
            *self._of(f"{blobs}/containers/{{container}}", models.BlobContainer, "2026-09-01"),
            *self._of(
                f"{provider}/Microsoft.KeyVault/vaults/{{vault}}", keyvault.VaultCreateOrUpdateParameters, "2026-05-15"
            ),
            *self._of(f"{provider}/Microsoft.ContainerRegistry/registries/{{registry}}", REGISTRY, "2023-07-01"),
            *self._of(workspace, logs.Workspace, "2025-07-01"),
            *self._of(f"{workspace}/tables/{{table}}", logs.Table, "2025-07-01"),
            Method("POST", ARM, f"{workspace}/sharedKeys", self.keys, versions=("2025-07-01",)),
            *self._of(f"{provider}/Microsoft.Insights/dataCollectionRules/{{rule}}", RULE, "2023-03-11"),
            *self._of(
                f"{provider}/Microsoft.ManagedIdentity/userAssignedIdentities/{{identity}}", msi.Identity, "2024-11-30"
            ),
            *self._of(
                f"/subscriptions/{{subscription}}/{rights}/roleDefinitions/{{definition}}",
                authorization.RoleDefinition, "2022-04-01",
            ),
            *self._of(
                f"/subscriptions/{{subscription}}/{{scope...}}/{assignment}",
                authorization.RoleAssignmentCreateParameters, "2022-04-01",
            ),
            Method("GET", ARM, "/subscriptions/{subscription}/operationresults/{operation}", self.status,
                   versions=("2024-07-01",)),
        )  # fmt: skip

    def _of(self, path: str, model: Any, version: str) -> tuple[Method, ...]:
        return (
            Method("PUT", ARM, path, self.put, model, (version,)),
            Method("GET", ARM, path, self.get, versions=(version,)),
        )

    def put(self, call: Call) -> Reply:
        where = _id(call)
        self._check(where, call)
        made = {**copy.deepcopy(call.body), "id": where, "name": where.rpartition("/")[2]}
        made["properties"] = {**(made.get("properties") or {}), **self._given(where, call)}
        with self._lock:
            known = where.lower() in self._kept
            self._authorize(where, call, made)
            self._kept[where.lower()] = made
        if "container" in call.path:
            self.make_container(call.path["container"])
        if known or "definition" in call.path or "assignment" in call.path:
            return Reply(made, 200 if known else 201)
        operation = str(uuid.uuid4())
        self._polls[operation] = 0
        url = f"{self._address}/{ARM}/subscriptions/{call.path['subscription']}/operationresults/{operation}"
        return Reply(made, 201, (("azure-asyncoperation", f"{url}?api-version=2024-07-01"),))

    def get(self, call: Call) -> Reply:
        with self._lock:
            found = self._kept.get(_id(call).lower())
        if found is None and "identity" in call.path:
            return arm_rules.identity(call)
        if found is None:
            raise missing(_id(call))
        return Reply(found)

    def keys(self, call: Call) -> Reply:
        where = _id(call).removesuffix("/sharedKeys")
        if where.lower() not in self._kept:
            raise missing(where)
        return Reply({"primarySharedKey": "emulated", "secondarySharedKey": "emulated"})

    def status(self, call: Call) -> Reply:
        operation = call.path["operation"]
        if operation not in self._polls:
            raise missing(operation)
        self._polls[operation] += 1
        return Reply({"status": "Succeeded" if self._polls[operation] > 1 else "InProgress"})

    def _check(self, where: str, call: Call) -> None:
        """What the services refuse beyond the shape of a body."""
        properties = call.body.get("properties") or {}
        for number, one in enumerate(properties.get("permissions") or ()):
            names = [*(one.get("actions") or ()), *(one.get("dataActions") or ())]
            if any("*" in name for name in names):
                raise invalid(
                    f"permissions[{number}] has a wildcard: the toolkit makes none", "InvalidActionOrNotAction"
                )
        for name in ("assignment", "definition"):
            if name in call.path and not _GUID.fullmatch(call.path[name]):
                raise invalid(f"The name '{call.path[name]}' is no GUID.", "InvalidRoleAssignmentId")
        group = where.split("/providers/")[0]
        if group != where and "/resourceGroups/" in group and group.lower() not in self._kept:
            raise Refused(
                404, "ResourceGroupNotFound", f"Resource group '{call.path.get('group', group)}' was not found."
            )

    def _authorize(self, where: str, call: Call, made: dict[str, Any]) -> None:
        if "definition" in call.path:
            self.rbac.define(where, made["properties"])
        elif "assignment" in call.path:
            self.rbac.assign(where, made["properties"])

    def _given(self, where: str, call: Call) -> dict[str, Any]:
        """What the service says of it."""
        own = str(uuid.uuid5(uuid.NAMESPACE_URL, where))
        if "identity" in call.path:
            found: dict[str, Any] = arm_rules.identity(call).body["properties"]
            return found
        if "rule" in call.path:
            host = f"https://{call.path['rule']}.westeurope-1.ingest.monitor.azure.com"
            return {"immutableId": f"dcr-{own.replace('-', '')}", "endpoints": {"logsIngestion": host},
                    "provisioningState": "Succeeded"}  # fmt: skip
        if "workspace" in call.path and "table" not in call.path:
            return {"customerId": own, "provisioningState": "Succeeded"}
        if "assignment" in call.path or "definition" in call.path:
            return {}
        return {"provisioningState": "Succeeded"}


def _id(call: Call) -> str:
    return "/" + call.request.path.lstrip("/").partition("/")[2]
