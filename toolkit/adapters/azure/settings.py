"""`[targets.<t>.azure]`: where things are. Credentials never: DefaultAzureCredential finds them."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from toolkit.adapters.azure.names import ROLES, Names
from toolkit.domain import names
from toolkit.domain.settings import Prefix, Url

EMULATED_SUBSCRIPTION = "00000000-0000-0000-0000-0000000e0e0e"
EMULATED_ACCOUNT = "emulatedaccount"
EMULATED_TENANT = "00000000-0000-0000-0000-0000000e0e01"
EMULATED_APPLICATION = "00000000-0000-0000-0000-0000000e0e02"
EMULATED_WORKSPACE = "00000000-0000-0000-0000-0000000e0e03"
EMULATED_LOCATION = "westeurope"

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GROUP = re.compile(r"[A-Za-z0-9_.()-]{0,89}[A-Za-z0-9_()-]")
_LOCATION = re.compile(r"[a-z]+[a-z0-9]*")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")
_VAULT = re.compile(r"(?=.{3,24}$)[A-Za-z](-?[A-Za-z0-9]+)*")
_TOPIC = re.compile(r"https?://[^\s?#@]+/api/events")
_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resource[gG]roups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+"
)


class AzureSettings(BaseModel):
    """Validated with `context={"directory": Path, "target": str, "project": str}`; names come out complete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emulator: Literal["", "azure"] = Field("", description="play Azure on this machine: `toolkit dev` starts it")
    emulator_address: Url = Field("", description="where the emulator is, when something else has started it (tests)")
    stem: str = Field("", description="what the names of all that belongs to the target begin with")
    subscription: str = Field("", description="the id of the Azure subscription")
    resource_group: str = Field("", description="the resource group that everything is in; default: the stem")
    location: str = Field("", description="where functions and jobs are, like westeurope")
    account: str = Field("", description="the storage account; default: worked out from the stem")
    container: str = Field("", description="the blob container that is the database; default: the stem")
    prefix: Prefix = Field("", description="folder in the container; default: the toolkit project's name")
    endpoint: Url = Field("", description="another server that speaks Blob Storage's API; default: Azure's")
    services_endpoint: Url = Field("", description="where the services other than storage are; default: Azure's")
    vault: str = Field("", description="the Key Vault of the target's secrets; default: worked out from the stem")
    topics: list[str] = Field([], description="endpoints of Event Grid topics (https://.../api/events) for alerts")
    workspace: str = Field("", description="the Log Analytics workspace's id (a GUID): logs and metrics are read there")
    ingestion: Url = Field("", description="where metrics are sent: the data collection rule's logs ingestion endpoint")
    rule: str = Field("", description="the immutable id of that data collection rule (dcr-...)")
    identities: dict[str, str] = Field({}, description="user-assigned identities of other names: inference, job, ...")
    functions: Literal["containerapps", "functions"] = Field(
        "containerapps", description="what functions are: container apps, or Azure Functions on Flex Consumption"
    )
    deployer: str = Field(
        "", description="object id of the person, group or pipeline that deploys: bootstrap grants it"
    )
    environment: str = Field("", description="the Container Apps environment; default: worked out from the stem")
    audience: str = Field("", description="application id URI that callers of functions ask tokens for (api://...)")
    tenant: str = Field("", description="the id of the Entra tenant whose tokens functions take")
    application: str = Field("", description="client id of the app registration that stands for the functions")
    image: str = Field("", description="image of jobs and functions; default: what `toolkit image push` made")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any, info: ValidationInfo) -> Any:
        """An empty prefix that was written down is the container's root; one that was not is the project."""
        context = info.context or {}
        project, target = context.get("project", ""), context.get("target", "")
        own = names.stem(project, target) if project and target else "toolkit"
        if not isinstance(given, dict):
            return given
        stem = given.get("stem") or own
        container = stem if len(stem) >= 3 else f"{stem}-state"
        defaults = {"stem": own, "prefix": project, "resource_group": stem, "container": container}
        if given.get("emulator"):  # nothing has to be said of what an operator would have chosen
            where = {"subscription": EMULATED_SUBSCRIPTION, "account": EMULATED_ACCOUNT, "location": EMULATED_LOCATION}
            defaults |= {**where, "tenant": EMULATED_TENANT, "application": EMULATED_APPLICATION}
            defaults |= {"workspace": EMULATED_WORKSPACE}
        subscription = str(given.get("subscription") or defaults.get("subscription", ""))
        if subscription:
            called = Names(stem, subscription)
            own_names = {"account": called.account, "vault": called.vault, "environment": called.environment}
            defaults = {**own_names, "audience": f"api://{stem}", **defaults}
        return {**defaults, **given}

    @field_validator("tenant", "application", "deployer")
    @classmethod
    def _an_id(cls, value: str) -> str:
        if value and not _UUID.fullmatch(value):
            raise ValueError(f"{value!r} is not an id: 8-4-4-4-12 hexadecimal digits")
        return value

    @field_validator("subscription")
    @classmethod
    def _a_subscription(cls, value: str) -> str:
        if value and not _UUID.fullmatch(value):
            raise ValueError(f"{value!r} is not a subscription's id: az account show --query id")
        return value

    @field_validator("resource_group")
    @classmethod
    def _a_group(cls, value: str) -> str:
        if value and not _GROUP.fullmatch(value):
            raise ValueError(f"{value!r} is not a resource group's name: 1-90 of letters, digits and _-.()")
        return value

    @field_validator("location")
    @classmethod
    def _a_location(cls, value: str) -> str:
        if value and not _LOCATION.fullmatch(value):
            raise ValueError(f"{value!r} is not a location: write it like westeurope")
        return value

    @field_validator("account")
    @classmethod
    def _an_account(cls, value: str) -> str:
        if value and not _ACCOUNT.fullmatch(value):
            raise ValueError(f"{value!r} is not a storage account's name: 3-24 of a-z and 0-9")
        return value

    @field_validator("container")
    @classmethod
    def _a_container(cls, value: str) -> str:
        if value and not _CONTAINER.fullmatch(value):
            raise ValueError(f"{value!r} is not a container's name: 3-63 of a-z, 0-9 and single inner hyphens")
        return value

    @field_validator("vault")
    @classmethod
    def _a_vault(cls, value: str) -> str:
        if value and not _VAULT.fullmatch(value):
            raise ValueError(f"{value!r} is not a vault's name: 3-24 of letters, digits and single inner hyphens")
        return value

    @field_validator("topics")
    @classmethod
    def _topics(cls, value: list[str]) -> list[str]:
        for topic in value:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(
                    f"{topic!r} is not a topic's endpoint: https://NAME.LOCATION-1.eventgrid.azure.net/api/events"
                )
        return value

    @field_validator("identities")
    @classmethod
    def _identities(cls, value: dict[str, str]) -> dict[str, str]:
        for role, identity in value.items():
            if role not in ROLES or not _IDENTITY.fullmatch(identity):
                raise ValueError(
                    f"{role} = {identity!r}: write one of {', '.join(ROLES)} and an identity's resource id"
                )
        return value
