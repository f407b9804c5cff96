"""A function as a container app, and back. Pure.

A version is the revision `<app>--v<number>`; a revision has no tags, so what belongs to a version (the digest of its
configuration, its number, who may call it) travels in the variable that the container itself reads, TOOLKIT_CONTAINER.
The app's tags are the function's, and beside them its own name, since an app's is cut at 32 characters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from toolkit.adapters.azure import arm_sizes
from toolkit.adapters.azure.names import MAX_TAGS, TAG_VALUE, app
from toolkit.adapters.azure.names import tags as as_azure_takes_them
from toolkit.domain import digest
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import FunctionSpec

NAME = "toolkit-function"  # tag of the app
OWN = "TOOLKIT_CONTAINER"
CONTAINER = "toolkit.adapters.azure.function_app"
MAIN = "main"  # what the container of a revision is called
PORT = 8080
AT_ONCE = 8  # calls of one replica
MOST_REPLICAS = 100
SECONDS = 240  # that the ingress waits for an answer; it cannot be set
PAYLOAD = 32 * 1024**2  # ours: the ingress has no limit of its own
ENVIRONMENT = 32 * 1024  # ours, too
OPEN = frozenset({"public", "token"})  # whom the platform lets in: the function itself looks at tokens
ADMITTED = "x-ms-client-principal"  # what Easy Auth says of whom it let in; clients cannot send it past it
NEWEST = "latestRevision"


def check(spec: FunctionSpec) -> None:
    """Raises Unsupported for what Container Apps does not have."""
    what = f"function {spec.name!r}"
    arm_sizes.steps(what, spec.memory_mb)
    if not 0 < spec.timeout_seconds <= SECONDS:
        raise Unsupported(f"{what}: a time of {spec.timeout_seconds} s; Container Apps takes 1 to {SECONDS}")
    if not 0 < spec.concurrency <= AT_ONCE * MOST_REPLICAS:
        raise Unsupported(f"{what}: {spec.concurrency} calls at once; 1 to {AT_ONCE * MOST_REPLICAS} are offered")
    if spec.architecture != "x86_64":
        raise Unsupported(
            f"{what}: Container Apps has no {spec.architecture}", hint='architecture = "x86_64" under [serve]'
        )
    if sum(len(k) + len(v.encode()) for k, v in spec.environment.items()) > ENVIRONMENT:
        raise Unsupported(f"{what}: its variables have over {ENVIRONMENT // 1024} KiB")
    tags(spec)


def tags(spec: FunctionSpec) -> dict[str, str]:
    """Unsupported for what Azure would have to change: tags are how things are found again."""
    given = {**spec.tags, NAME: spec.name}
    if as_azure_takes_them(given) != given:
        raise Unsupported(
            f"function {spec.name!r}: Azure takes {MAX_TAGS} tags of up to {TAG_VALUE} characters, and none of "
            f"<>%&\\?/ in a key; these are {spec.tags}"
        )
    return given


def template(spec: FunctionSpec, number: int, *, image: str, where: Mapping[str, str]) -> dict[str, Any]:
    """The revision's. `where`: "storage" (the account's address), "container" and "blob" of the bundle, "identity"
    (resource id of who may read it) and "client" (its client id)."""
    replicas, at_once = -(-spec.concurrency // AT_ONCE), min(spec.concurrency, AT_ONCE)
    resources = arm_sizes.resources(spec.name, spec.memory_mb)
    whole = arm_sizes.megabytes(str(resources["memory"]))
    told = {
        **where, "digest": spec.bundle, "handler": spec.handler, "name": spec.name, "concurrency": at_once,
        "seconds": spec.timeout_seconds, "events": spec.auth not in OPEN, "payload": PAYLOAD,
        "memory": spec.memory_mb if spec.memory_mb < whole else 0,
        "admitted": "" if spec.auth in OPEN else ADMITTED,
        "version": number, "configuration": digest.of_value(dict(spec.configuration())), "auth": spec.auth,
    }  # fmt: skip
    variables = {**spec.environment, OWN: json.dumps(told, sort_keys=True), "PORT": str(PORT)}
    variables["AZURE_CLIENT_ID"] = where["client"]  # which of its identities the SDKs ask for
    return {
        "revisionSuffix": f"v{number}",
        "containers": [
            {
                "name": MAIN,
                "image": image,
                "args": [CONTAINER],
                "env": [{"name": name, "value": value} for name, value in sorted(variables.items())],
                "resources": resources,
            }
        ],
        "scale": {
            "minReplicas": 0,
            "maxReplicas": replicas,
            "rules": [{"name": "http", "http": {"metadata": {"concurrentRequests": str(at_once)}}}],
        },
    }  # fmt: skip


def ingress(function: str, shares: Mapping[str, float]) -> dict[str, Any]:
    """Calls go to these versions. Unsupported for shares that are not whole percents."""
    percents = {version: round(share * 100) for version, share in shares.items()}
    uneven = [share for version, share in shares.items() if abs(share * 100 - percents[version]) > 1e-6]
    if uneven or sum(percents.values()) != 100:
        raise Unsupported(f"Container Apps splits traffic by whole percents, not {dict(shares)}")
    return {
        "external": True,
        "targetPort": PORT,
        "transport": "http",
        "allowInsecure": False,
        "traffic": [
            {"revisionName": revision(function, version), "weight": percents[version]}
            for version in sorted(percents, key=int)
        ],
    }


def weights(body: Mapping[str, Any]) -> dict[str, float]:
    """Version -> share, of an app."""
    found: dict[str, float] = {}
    for target in _ingress(body).get("traffic") or ():
        if target.get("revisionName") and target.get("weight"):
            found[number_of(target["revisionName"])] = target["weight"] / 100
    return found


def host(body: Mapping[str, Any]) -> str:
    """The app's host name, "" while it has no ingress."""
    return str(_ingress(body).get("fqdn") or "")


def marks(revision_body: Mapping[str, Any]) -> dict[str, Any]:
    """What a revision's container is told; {} where it is not one of ours."""
    for container in (revision_body["properties"].get("template") or {}).get("containers") or ():
        for variable in container.get("env") or ():
            if variable["name"] == OWN:
                found: dict[str, Any] = json.loads(variable["value"])
                return found
    return {}


def guard(settings: Mapping[str, Any], *, everybody: bool) -> dict[str, Any]:
    """`authConfigs/current`: Entra's tokens for the target's audience, or anybody. Easy Auth stays on for everybody,
    too: it takes what clients say of themselves out of their headers."""
    issuer = f"https://login.microsoftonline.com/{settings['tenant']}/v2.0"
    registration = {"openIdIssuer": issuer, "clientId": settings["application"]}
    return {
        "platform": {"enabled": True},
        "globalValidation": {"unauthenticatedClientAction": "AllowAnonymous" if everybody else "Return401"},
        "identityProviders": {
            "azureActiveDirectory": {
                "enabled": True,
                "registration": registration,
                "validation": {"allowedAudiences": [settings["audience"]]},
            }
        },
    }


def revision(function: str, version: str) -> str:
    return f"{app(function)}--v{version}"


def number_of(revision_name: str) -> str:
    """The version that a revision's name ends with."""
    return revision_name.rpartition("--v")[2]


def _ingress(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return (body["properties"].get("configuration") or {}).get("ingress") or {}
