"""What Container Apps refuses of apps and jobs beyond what the types of its SDK say."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from typing import Any

from toolkit.adapters.azure.emulator.refused import Refused

NAME = re.compile(r"(?=.{2,32}$)[a-z]([a-z0-9-]*[a-z0-9])")
_SUFFIX = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9.-]+(:\d+)?/[a-z0-9._/-]+(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]{64})?")
_VARIABLE = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_IDENTITY = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ManagedIdentity/userAssignedIdentities/[^/]+"
)
_TAG = re.compile(r"[^<>%&\\?/]{1,512}")
LONGEST_REVISION = 54  # of `<app>--<suffix>`
MOST_REPLICAS = 1000
LONGEST_JOB = 7 * 86_400
MOST_RETRIES = 10  # none is written down; nothing here asks for more
CPUS = [step / 4 for step in range(1, 17)]


def wrong(field: str, why: str, where: str = "ContainerApp") -> Refused:
    return Refused(
        400,
        f"{where}InvalidParameter",
        f"The following field(s) are either invalid or missing. Field '{field}' is invalid with details: '{why}'",
    )


def resource(body: Mapping[str, Any], name: str, environments: Any, where: str) -> None:
    """What apps and jobs have in common."""
    if not NAME.fullmatch(name) or "--" in name:
        raise wrong(
            "name",
            "a name has 2-32 of lower case letters, digits and hyphens, a letter first, no -- and no hyphen last",
            where,
        )
    tags(body.get("tags") or {})
    if body["properties"].get("environmentId") not in environments:
        raise wrong("environmentId", f"The environment {body['properties'].get('environmentId')} does not exist", where)
    identity(body.get("identity"), where)
    held = (body.get("identity") or {}).get("userAssignedIdentities") or {}
    for registry in (body["properties"].get("configuration") or {}).get("registries") or ():
        if registry.get("identity") not in held or not registry.get("server"):
            raise wrong("configuration.registries", "a server and an identity that the app has are needed", where)


def tags(given: Mapping[str, Any]) -> None:
    if len(given) > 50:
        raise Refused(400, "TooManyTags", f"The number of tags {len(given)} exceeds the limit of 50.")
    for key, value in given.items():
        if not _TAG.fullmatch(key) or not isinstance(value, str) or len(value) > 256:
            raise Refused(400, "InvalidTagNameOrValue", f"The tag {key!r} or its value {value!r} is not valid.")


def identity(given: Mapping[str, Any] | None, where: str) -> None:
    if given is None:
        return
    held = given.get("userAssignedIdentities") or {}
    if (given.get("type") == "UserAssigned") != bool(held):
        raise wrong("identity", "UserAssigned comes with the identities, and only then", where)
    for one, value in held.items():
        if not _IDENTITY.fullmatch(one) or value not in ({}, None):
            raise wrong("identity.userAssignedIdentities", f"{one} is no identity, or its value is not empty", where)


def template(given: Mapping[str, Any] | None, where: str) -> None:
    containers = (given or {}).get("containers") or []
    if len(containers) != 1:
        raise wrong("template.containers", "exactly one container is needed here", where)
    container(containers[0], where)
    if (suffix := (given or {}).get("revisionSuffix")) and not _SUFFIX.fullmatch(suffix):
        raise wrong("template.revisionSuffix", f"{suffix!r} is not valid", where)
    scale = (given or {}).get("scale") or {}
    least, most = scale.get("minReplicas") or 0, scale.get("maxReplicas") or 10
    if not 0 <= least <= most <= MOST_REPLICAS or most < 1:
        raise wrong("template.scale", f"minReplicas {least} and maxReplicas {most} do not fit together", where)


def container(given: Mapping[str, Any], where: str) -> None:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", given.get("name") or ""):
        raise wrong("template.containers.name", "a name is needed", where)
    if not _IMAGE.fullmatch(given.get("image") or ""):
        raise wrong("template.containers.image", f"{given.get('image')!r} is no image", where)
    names = [variable.get("name") for variable in given.get("env") or ()]
    for name in names:
        if not _VARIABLE.fullmatch(name or "") or names.count(name) > 1:
            raise wrong("template.containers.env", f"{name!r} is not valid, or is there twice", where)
    for variable in given.get("env") or ():
        if ("value" in variable) == ("secretRef" in variable):
            raise wrong("template.containers.env", f"{variable['name']}: a value or a secretRef", where)
    asked = given.get("resources") or {}
    cpu, memory = asked.get("cpu", 0.5), asked.get("memory", "1Gi")
    if cpu not in CPUS or memory != f"{cpu * 2:g}Gi":
        raise wrong(
            "template.containers.resources",
            f"total CPU and memory [cpu: {cpu}, memory: {memory}]: they go together as 0.25 and 0.5Gi up to 4 and 8Gi",
            where,
        )


def pulled(image: str) -> None:
    """Raised when a revision or an execution is to start: what is not in the registry cannot be pulled."""
    tag = image.rpartition(":")[2]
    python = tag.rpartition("-py")[2] if "-py" in tag else ""
    if python and python != "{}.{}".format(*sys.version_info[:2]):
        raise wrong("template.containers.image", f"MANIFEST_UNKNOWN: manifest tagged by {tag!r} is not found")


def traffic(ingress: Mapping[str, Any], active: set[str]) -> None:
    """Weights make 100, and every revision is there and active."""
    if not 1 <= (ingress.get("targetPort") or 0) <= 65535:
        raise wrong("configuration.ingress.targetPort", "a port is needed")
    targets = ingress.get("traffic") or [{"latestRevision": True, "weight": 100}]
    for target in targets:
        newest, named = bool(target.get("latestRevision")), target.get("revisionName")
        if newest == bool(named):
            raise wrong("configuration.ingress.traffic", "a revisionName, or latestRevision")
        if named and named not in active:
            raise wrong("configuration.ingress.traffic", f"Revision '{named}' was not found or is not active")
        if not 0 <= (target.get("weight") or 0) <= 100:
            raise wrong("configuration.ingress.traffic", "a weight is 0 to 100")
    if sum(target.get("weight") or 0 for target in targets) != 100:
        raise wrong("configuration.ingress.traffic", "the weights have to add up to 100")


def guard(given: Mapping[str, Any]) -> None:
    """`authConfigs/current`."""
    properties = given.get("properties") or {}
    action = (properties.get("globalValidation") or {}).get("unauthenticatedClientAction")
    if (properties.get("platform") or {}).get("enabled") and not action:
        raise wrong("globalValidation.unauthenticatedClientAction", "it is needed where the platform is enabled")
    directory = (properties.get("identityProviders") or {}).get("azureActiveDirectory") or {}
    if directory.get("enabled"):
        registration = directory.get("registration") or {}
        if not registration.get("clientId") or not (registration.get("openIdIssuer") or "").startswith("https://"):
            raise wrong("identityProviders.azureActiveDirectory.registration", "clientId and openIdIssuer are needed")


def job(properties: Mapping[str, Any]) -> None:
    given = properties.get("configuration")
    if not given:
        raise wrong("configuration", "it is required", "Job")
    if not 1 <= given["replicaTimeout"] <= LONGEST_JOB:
        raise wrong("configuration.replicaTimeout", f"at least 1 second and at most {LONGEST_JOB}", "Job")
    if not 0 <= (given.get("replicaRetryLimit") or 0) <= MOST_RETRIES:
        raise wrong("configuration.replicaRetryLimit", f"at most {MOST_RETRIES}", "Job")
    kind = given["triggerType"]
    own = {"Manual": "manualTriggerConfig", "Schedule": "scheduleTriggerConfig", "Event": "eventTriggerConfig"}
    present = [name for name in own.values() if given.get(name)]
    if present != [own[kind]]:
        raise wrong(f"configuration.{own[kind]}", f"a job of trigger {kind} has it, and no other", "Job")
    config = given[own[kind]]
    parallelism, completions = config.get("parallelism") or 1, config.get("replicaCompletionCount") or 1
    if not 1 <= completions <= parallelism:
        raise wrong("replicaCompletionCount", "at least 1 and at most parallelism", "Job")
