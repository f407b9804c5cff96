"""A job as a Container Apps job, and its executions' templates. Pure.

The job is called after its target and its name, cut at 32 characters; its tags say the rest. An array's processes are
executions of one job each, told their number by a variable, since replicas of one execution are not told apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from toolkit.adapters.azure import arm_sizes, names
from toolkit.adapters.azure.names import MAX_TAGS, TAG_VALUE
from toolkit.domain import jobs
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec

NAME, STEM, ARRAY = "toolkit-job", "toolkit-stem", "toolkit-array"
OWN = frozenset({NAME, STEM, ARRAY})
MAIN = "main"
LONGEST = 7 * 86_400  # seconds of a replica
MOST_ARRAY = 100
MOST_RETRIES = 10


def job_id(stem: str, name: str) -> str:
    return names.job(f"{stem}-{name}")


def role(tags: Mapping[str, str]) -> str:
    """Whose identity a job has, by its tags (`step`)."""
    return "retrain" if tags.get("step") == "retrain" else "job"


def check(spec: JobSpec) -> None:
    """Raises Unsupported for what Container Apps does not have."""
    arm_sizes.steps(f"job {spec.name}", spec.memory_mb, spec.cpu)
    if spec.gpus:
        raise Unsupported(f"job {spec.name} asks for GPUs; the Consumption plan of Container Apps has none")
    if spec.spot:
        raise Unsupported(f"job {spec.name} asks for a spot machine; Container Apps has none")
    if not 0 < spec.timeout_seconds <= LONGEST:
        raise Unsupported(f"job {spec.name}: a time of {spec.timeout_seconds} s; Container Apps takes 1 to {LONGEST:,}")
    if spec.array > MOST_ARRAY or spec.retries > MOST_RETRIES:
        raise Unsupported(f"job {spec.name}: at most {MOST_ARRAY} processes and {MOST_RETRIES} retries")
    if names.tags({**spec.tags, NAME: spec.name}) != {**spec.tags, NAME: spec.name} or len(spec.tags) > MAX_TAGS - 3:
        raise Unsupported(f"job {spec.name}: Azure takes {MAX_TAGS - 3} tags of up to {TAG_VALUE} characters")


def body(
    spec: JobSpec, stem: str, *, place: Mapping[str, Any], registries: list[dict[str, str]], container: dict[str, Any]
) -> dict[str, Any]:
    """`place`: "location", "environment", "identity"."""
    return {
        "location": place["location"],
        "tags": {**spec.tags, NAME: spec.name, STEM: stem, ARRAY: str(spec.array)},
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {place["identity"]: {}}},
        "properties": {
            "environmentId": place["environment"],
            "configuration": {
                "triggerType": "Manual",
                "manualTriggerConfig": {"parallelism": 1, "replicaCompletionCount": 1},
                "replicaTimeout": math.ceil(spec.timeout_seconds),
                "replicaRetryLimit": spec.retries,
                "registries": registries,
            },
            "template": {"containers": [container]},
        },
    }


def container(spec: JobSpec, *, image: str, client: str) -> dict[str, Any]:
    """`client` is the client id of its identity. All attempts of one execution are one."""
    told = {**spec.environment, jobs.EXECUTION_FROM: "CONTAINER_APP_JOB_EXECUTION_NAME", "AZURE_CLIENT_ID": client}
    if spec.packages:
        told[jobs.REQUIREMENTS] = spec.packages
    return {
        "name": MAIN,
        "image": image,
        "args": [spec.module, *spec.arguments],
        "env": [{"name": name, "value": value} for name, value in told.items()],
        "resources": arm_sizes.resources(f"job {spec.name}", spec.memory_mb, spec.cpu),
    }


def numbered(container: Mapping[str, Any], number: int | None) -> dict[str, Any]:
    """The container of an array's process."""
    if number is None:
        return dict(container)
    return {**container, "env": [*container["env"], {"name": jobs.INDEX, "value": str(number)}]}


def number_of(execution: Mapping[str, Any]) -> int | None:
    """Which process of an array an execution is."""
    for one in (execution["properties"].get("template") or {}).get("containers") or ():
        for variable in one.get("env") or ():
            if variable["name"] == jobs.INDEX:
                return int(variable["value"])
    return None
