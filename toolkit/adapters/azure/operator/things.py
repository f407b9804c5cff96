"""What the operator makes, as data: bodies are those of Azure's REST APIs.

`waivers` are checks of checkov that a thing fails on purpose, each with its reason.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from toolkit.adapters.azure.functions import FUNCTIONS
from toolkit.adapters.azure.grants import PACKAGES, POWERS, Grant, condition, roles
from toolkit.adapters.azure.metrics import COLUMNS, STREAM, TABLE
from toolkit.adapters.azure.names import ROLES, Names
from toolkit.adapters.azure.sites_body import packages

ARM_VERSIONS = {
    "Microsoft.Resources/resourceGroups": "2024-07-01",
    "Microsoft.Storage/storageAccounts": "2026-09-01",
    "Microsoft.KeyVault/vaults": "2026-05-15",
    "Microsoft.ContainerRegistry/registries": "2023-07-01",
    "Microsoft.OperationalInsights/workspaces": "2025-07-01",
    "Microsoft.Insights/dataCollectionRules": "2023-03-11",
    "Microsoft.EventGrid/topics": "2025-02-15",
    "Microsoft.App/managedEnvironments": "2026-07-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2024-11-30",
    "Microsoft.Authorization/roleDefinitions": "2022-04-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
}
KEPT_DAYS = 30
DEPLOYER = "deployer"
_SPACE = uuid.UUID("6b1d9c0e-5b0f-4d5e-9d6e-0c1f1f0a2f3a")  # of the ids that we make: the same names, the same ids


@dataclass(frozen=True)
class Known:
    """What is known once thing `id` is made: a path of its body, or the answer of an action of it (`action`)."""

    id: str
    path: str
    action: str = ""


@dataclass(frozen=True)
class Place:
    """Where a target lives. A field may also be a template's placeholder: nothing here looks inside."""

    project: str
    target: str
    stem: str
    subscription: str
    group: str
    location: str
    account: str
    container: str
    prefix: str
    vault: str
    registry: str
    tenant: str
    functions: str = "containerapps"  # what they are, as in the settings
    deployer: str = ""  # the object id of who deploys, "" where the operator sees to that

    @property
    def tags(self) -> dict[str, str]:
        return {"managed-by": "toolkit", "project": self.project, "target": self.target}

    @property
    def names(self) -> Names:
        return Names(self.stem, self.subscription)


@dataclass(frozen=True)
class Thing:
    """`name` is the resource's name with its parents' ("account/default"), of ARM type `kind`; `scope` is the id of the
    thing that a role is assigned on."""

    id: str
    kind: str
    name: str
    body: dict[str, Any]
    scope: str = ""
    waivers: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        return ARM_VERSIONS["/".join(self.kind.split("/")[:2])]


def things(place: Place) -> tuple[Thing, ...]:
    """All of it, what others need first."""
    return (
        Thing("Group", "Microsoft.Resources/resourceGroups", place.group, _located(place)),
        *_storage(place),
        *_identities(place),
        _vault(place),
        _registry(place),
        *_logs(place),
        _topic(place),
        _environment(place),
        *_definitions(place),
        *_assignments(place),
    )


def _located(place: Place) -> dict[str, Any]:
    return {"location": place.location, "tags": place.tags}


def _storage(place: Place) -> tuple[Thing, ...]:
    kind = "Microsoft.Storage/storageAccounts"
    encrypted = {name: {"enabled": True, "keyType": "Account"} for name in ("blob", "file")}
    retention = {"enabled": True, "days": KEPT_DAYS}
    account = {
        **_located(place),
        "kind": "StorageV2",
        "sku": {"name": "Standard_ZRS"},
        "properties": {
            "accessTier": "Hot",
            "allowBlobPublicAccess": False,
            "allowCrossTenantReplication": False,
            "allowSharedKeyAccess": False,
            "encryption": {
                "keySource": "Microsoft.Storage",
                "requireInfrastructureEncryption": True,
                "services": encrypted,
            },
            "minimumTlsVersion": "TLS1_2",
            "networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow"},
            "publicNetworkAccess": "Enabled",
            "supportsHttpsTrafficOnly": True,
        },
    }
    open_network = "functions and people reach it from anywhere, with Entra's tokens only: no key opens it"
    made = [("Container", place.container)]
    if place.functions == FUNCTIONS:
        made += [("Hosts", "azure-webjobs-hosts"), ("Keys", "azure-webjobs-secrets")]
        made += [(_title(on), packages(place.container, role)) for role, on in PACKAGES.items()]
    return (
        Thing("Account", kind, place.account, account, waivers={
            "CKV_AZURE_35": open_network,
            "CKV_AZURE_59": open_network,
            "CKV_AZURE_206": "zone-redundant: a region's loss is for a copy in another account, which costs",
            "CKV_AZURE_43": "the name is a parameter, which checkov cannot see; the settings check it",
        }),
        Thing("Blobs", f"{kind}/blobServices", f"{place.account}/default", {"properties": {
            "isVersioningEnabled": True,
            "deleteRetentionPolicy": retention,
            "containerDeleteRetentionPolicy": retention,
        }}),
        *(
            Thing(id_, f"{kind}/blobServices/containers", f"{place.account}/default/{name}",
                  {"properties": {"publicAccess": "None"}})
            for id_, name in made
        ),
    )  # fmt: skip


def _identities(place: Place) -> tuple[Thing, ...]:
    kind = "Microsoft.ManagedIdentity/userAssignedIdentities"
    return tuple(Thing(_identity(role), kind, place.names.identity(role), _located(place)) for role in ROLES)


def _vault(place: Place) -> Thing:
    properties = {
        "tenantId": place.tenant,
        "sku": {"family": "A", "name": "standard"},
        "enableRbacAuthorization": True,
        "enableSoftDelete": True,
        "enablePurgeProtection": True,
        "softDeleteRetentionInDays": 90,
        "publicNetworkAccess": "Enabled",
    }
    anywhere = "people set secrets from anywhere, with Entra's tokens and a role"
    return Thing("Vault", "Microsoft.KeyVault/vaults", place.vault, {**_located(place), "properties": properties},
                 waivers={"CKV_AZURE_109": anywhere, "CKV_AZURE_189": anywhere})  # fmt: skip


def _registry(place: Place) -> Thing:
    body = {
        **_located(place),
        "sku": {"name": "Standard"},
        "properties": {"adminUserEnabled": False, "anonymousPullEnabled": False},
    }
    premium = "only the Premium tier has it, for ten times the price; the image holds public packages only"
    return Thing("Registry", "Microsoft.ContainerRegistry/registries", place.registry, body,
                 waivers={"CKV_AZURE_139": premium, "CKV_AZURE_166": premium})  # fmt: skip


def _logs(place: Place) -> tuple[Thing, ...]:
    kind, own = "Microsoft.OperationalInsights/workspaces", place.names
    workspace = {**_located(place), "properties": {"sku": {"name": "PerGB2018"}, "retentionInDays": KEPT_DAYS}}
    columns = [{"name": name, "type": kind_} for name, kind_ in COLUMNS.items()]
    table = {"properties": {"schema": {"name": TABLE, "columns": _in_words_of_tables(columns)}, "plan": "Analytics"}}
    rule = {
        **_located(place),
        "kind": "Direct",  # it has an endpoint of its own
        "properties": {
            "streamDeclarations": {STREAM: {"columns": columns}},
            "destinations": {"logAnalytics": [{"name": "workspace", "workspaceResourceId": Known("Workspace", "id")}]},
            "dataFlows": [
                {"streams": [STREAM], "destinations": ["workspace"], "transformKql": "source", "outputStream": STREAM}
            ],
        },
    }
    return (
        Thing("Workspace", kind, own.workspace, workspace),
        Thing("Table", f"{kind}/tables", f"{own.workspace}/{TABLE}", table),
        Thing("Rule", "Microsoft.Insights/dataCollectionRules", own.rule, rule),
    )


def _in_words_of_tables(columns: list[dict[str, str]]) -> list[dict[str, str]]:
    words = {"datetime": "dateTime"}
    return [{"name": one["name"], "type": words.get(one["type"], one["type"])} for one in columns]


def _topic(place: Place) -> Thing:
    properties = {
        "inputSchema": "CloudEventSchemaV1_0",
        "disableLocalAuth": True,
        "minimumTlsVersionAllowed": "1.2",
        "publicNetworkAccess": "Enabled",
    }
    return Thing("Topic", "Microsoft.EventGrid/topics", place.names.topic,
                 {**_located(place), "properties": properties}, waivers={
                     "CKV_AZURE_193": "functions tell of incidents from anywhere, with Entra's tokens only",
                     "CKV_AZURE_191": "it calls webhooks, which need no identity of its own",
                 })  # fmt: skip


def _environment(place: Place) -> Thing:
    log = {"customerId": Known("Workspace", "properties.customerId"),
           "sharedKey": Known("Workspace", "primarySharedKey", action="sharedKeys")}  # fmt: skip
    properties = {"appLogsConfiguration": {"destination": "log-analytics", "logAnalyticsConfiguration": log}}
    return Thing("Environment", "Microsoft.App/managedEnvironments", place.names.environment,
                 {**_located(place), "properties": properties})  # fmt: skip


def _definitions(place: Place) -> tuple[Thing, ...]:
    """One of each power that somebody is given."""
    used = {grant.power for role in _given(place) for grant in roles(place.functions)[role]}
    return tuple(_definition(place, power) for power in POWERS if power in used)


def _definition(place: Place, power: str) -> Thing:
    told = POWERS[power]
    within = f"/subscriptions/{place.subscription}/resourceGroups/{place.group}"
    permission = {
        "actions": sorted(told.actions),
        "notActions": [],
        "dataActions": sorted(told.data),
        "notDataActions": [],
    }
    properties = {
        "roleName": f"toolkit {place.stem} {power}",
        "description": f"{told.title} (toolkit: project {place.project}, target {place.target})",
        "type": "CustomRole",
        "permissions": [permission],
        "assignableScopes": [within],
    }
    name = own_id(place, power)
    return Thing(_defined(power), "Microsoft.Authorization/roleDefinitions", name, {"properties": properties})


def _assignments(place: Place) -> tuple[Thing, ...]:
    return tuple(_assignment(place, role, grant) for role in _given(place) for grant in roles(place.functions)[role])


def _given(place: Place) -> tuple[str, ...]:
    return (*ROLES, DEPLOYER) if place.deployer else ROLES


def _assignment(place: Place, role: str, grant: Grant) -> Thing:
    properties: dict[str, Any] = {
        "roleDefinitionId": Known(_defined(grant.power), "id"),
        "principalId": Known(_identity(role), "properties.principalId"),
        "principalType": "ServicePrincipal",
        "description": grant.why,
    }
    if role == DEPLOYER:  # a person, a group or a pipeline: Azure finds out which
        properties["principalId"] = place.deployer
        del properties["principalType"]
    if said := condition(grant, place.prefix):
        properties |= {"condition": said, "conditionVersion": "2.0"}
    return Thing(
        f"{_title(role)}{_title(grant.power)}On{_title(grant.on)}",
        "Microsoft.Authorization/roleAssignments",
        own_id(place, role, grant.power, grant.on),
        {"properties": properties},
        scope=_title(grant.on),
    )


def own_id(place: Place, *parts: str) -> str:
    """A GUID that is the same whenever it is asked for; of a place of markers (`template`) a marker."""
    if place.subscription.startswith("<"):
        return f"<guid:{'/'.join(parts)}>"
    return str(uuid.uuid5(_SPACE, "/".join((place.subscription, place.group, place.stem, *parts))))


def _identity(role: str) -> str:
    return f"{_title(role)}Identity"


def _defined(power: str) -> str:
    return f"{_title(power)}Power"


def _title(name: str) -> str:
    return "".join(part.title() for part in name.split("-"))
