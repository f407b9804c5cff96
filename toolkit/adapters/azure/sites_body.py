"""A function as a function app on Flex Consumption: what Azure Resource Manager is told. Pure.

The app holds what every version shares: the runtime, its size, its identity, where its package lies. What belongs to a
version is in the package (`sites_package`), so that one deploy switches code and configuration together. Settings hold
no secret: storage is reached by the app's identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.adapters.azure import containerapps_body
from toolkit.adapters.azure.errors import status_of
from toolkit.adapters.azure.function_app.timers import TOLD
from toolkit.adapters.azure.names import site, tags
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import FunctionSpec

VERSION = "2025-05-01"
SITES = "Microsoft.Web/sites"
KIND = "functionapp,linux"
NAME, STEM, SERVES = "toolkit-function", "toolkit-stem", "toolkit-serves"
OWN = frozenset({NAME, STEM, SERVES})
SIZES = (512, 2048, 4096)  # MB of an instance
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
INFERENCE = "inference"
SECONDS = 230  # after which Azure's load balancer gives up on an answer
AT_ONCE = 8  # calls of one instance
MOST_INSTANCES = 1000
DOMAIN = "azurewebsites.net"
STORAGE = "https://{}.blob.core.windows.net"


def check(spec: FunctionSpec) -> None:
    """Raises Unsupported for what Flex Consumption does not have."""
    what = f"function {spec.name!r}"
    size(spec)
    if python(spec) not in PYTHONS:
        raise Unsupported(f"{what}: Azure Functions has Python {', '.join(PYTHONS)}, not {spec.runtime}")
    if not 0 < spec.timeout_seconds <= SECONDS:
        raise Unsupported(f"{what}: a time of {spec.timeout_seconds} s; Azure Functions takes 1 to {SECONDS}")
    if not 0 < spec.concurrency <= AT_ONCE * MOST_INSTANCES:
        raise Unsupported(f"{what}: {spec.concurrency} calls at once; 1 to {AT_ONCE * MOST_INSTANCES:,} are offered")
    if spec.architecture != "x86_64":
        raise Unsupported(
            f"{what}: Azure Functions has no {spec.architecture}", hint='architecture = "x86_64" under [serve]'
        )
    own_tags(spec)


def size(spec: FunctionSpec) -> int:
    """MB of an instance, at least what is asked for. Unsupported."""
    found = next((one for one in SIZES if one >= spec.memory_mb > 0), 0)
    if not found:
        raise Unsupported(
            f"function {spec.name!r} asks for {spec.memory_mb:,} MiB; Azure Functions has instances of "
            f"{', '.join(map(str, SIZES))}",
            hint='functions = "containerapps" in [targets.<t>.azure] has up to 8,192',
        )
    return found


def role(spec: FunctionSpec) -> str:
    """Whose identity it has."""
    return "drift-check" if spec.tags.get("role") == "drift-check" else INFERENCE


def python(spec: FunctionSpec) -> str:
    return spec.runtime.removeprefix("python")


def own_tags(spec: FunctionSpec) -> dict[str, str]:
    """Unsupported for what Azure would have to change, and for more than fit beside those of our own."""
    given = {**spec.tags, NAME: spec.name, STEM: "", SERVES: ""}
    if tags(given) != given:
        raise Unsupported(f"function {spec.name!r}: Azure does not take its tags as they are: {spec.tags}")
    return {**spec.tags, NAME: spec.name}


def plan(location: str) -> dict[str, Any]:
    """The plan of one app: Flex Consumption has one app in each."""
    return {
        "kind": "functionapp",
        "location": location,
        "sku": {"name": "FC1", "tier": "FlexConsumption"},
        "properties": {"reserved": True},
    }


def app(
    settings: Mapping[str, Any], *, plan: str, identity: str, client: str, spec: FunctionSpec, timers: str = ""
) -> dict[str, Any]:
    """`identity` is a resource id, `client` its client id; `timers` is what the app's timer triggers are told."""
    told = {**environment(settings, client), **({TOLD: timers} if timers else {})}
    return {
        "kind": KIND,
        "location": settings["location"],
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {
            "serverFarmId": plan,
            "httpsOnly": True,
            "functionAppConfig": config(settings, identity, spec),
            "siteConfig": {
                "minTlsVersion": "1.2",
                "appSettings": [{"name": name, "value": value} for name, value in sorted(told.items())],
            },
        },
    }


def config(settings: Mapping[str, Any], identity: str, spec: FunctionSpec) -> dict[str, Any]:
    """`functionAppConfig`."""
    return {
        "deployment": {
            "storage": {
                "type": "blobContainer",
                "value": f"{STORAGE.format(settings['account'])}/{packages(settings['container'], role(spec))}",
                "authentication": {"type": "UserAssignedIdentity", "userAssignedIdentityResourceId": identity},
            }
        },
        "runtime": {"name": "python", "version": python(spec)},
        "scaleAndConcurrency": {
            "instanceMemoryMB": size(spec),
            "maximumInstanceCount": -(-spec.concurrency // AT_ONCE),
            "alwaysReady": [],
            "triggers": {"http": {"perInstanceConcurrency": at_once(spec)}},
        },
    }


def environment(settings: Mapping[str, Any], client: str) -> dict[str, str]:
    """The app's settings."""
    return {
        "AZURE_CLIENT_ID": client,
        "AzureWebJobsStorage__accountName": settings["account"],
        "AzureWebJobsStorage__clientId": client,
        "AzureWebJobsStorage__credential": "managedidentity",
    }


def logs(workspace: str) -> dict[str, Any]:
    """A diagnostic setting of the app: what it prints goes to the workspace, in the table FunctionAppLogs."""
    return {"properties": {"workspaceId": workspace, "logs": [{"category": "FunctionAppLogs", "enabled": True}]}}


def guard(settings: Mapping[str, Any], *, everybody: bool) -> dict[str, Any]:
    """`config/authsettingsV2`: as before a container app, and said here whether a caller has to be known."""
    found = containerapps_body.guard(settings, everybody=everybody)
    found["globalValidation"]["requireAuthentication"] = not everybody
    return found


def packages(container: str, role: str) -> str:
    """The container where the platform keeps what is deployed, by the identity that runs it: not the target's own,
    which the app may not read, nor one that another identity may write. An operator makes it."""
    return f"{container[:42]}-{'' if role == INFERENCE else f'{role}-'}packages"


def at_once(spec: FunctionSpec) -> int:
    return min(spec.concurrency, AT_ONCE)


def busy(error: Exception) -> bool:
    """Another change of the app, or another deployment, is under way."""
    return status_of(error) == 409 and "in progress" in str(error)


def called(settings: Mapping[str, Any], function: str) -> str:
    """The app's name; its host name is the world's. Two targets of one subscription do not fall together."""
    return site(function, f"{settings['subscription']}/{settings['stem']}")
