"""Jobs that hand an event to a function (`function_app.deliver`): of a schedule, and of events nobody waits for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.adapters.azure.arm_apps import Apps

MODULE = "toolkit.adapters.azure.function_app.deliver"
TOLD = "TOOLKIT_DELIVERY"
MOST_BYTES = 30_000  # ours: a variable of a container
SECONDS, RETRIES = 300, 5
MANUAL = {"triggerType": "Manual", "manualTriggerConfig": {"parallelism": 1, "replicaCompletionCount": 1}}


def told(apps: Apps, url: str, event: Mapping[str, Any], **more: str) -> dict[str, Any]:
    """`more`: "name" and "expression" of a schedule."""
    audience = apps.settings["audience"]
    return {"url": url, "audience": audience, "identity": apps.identity("scheduler"), "event": dict(event), **more}


def container(apps: Apps, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "deliver",
        "image": apps.image(),
        "args": [MODULE],
        "env": [{"name": TOLD, "value": json.dumps(told, separators=(",", ":"))}],
        "resources": {"cpu": 0.25, "memory": "0.5Gi"},
    }


def body(
    apps: Apps, container: Mapping[str, Any], trigger: Mapping[str, Any], tags: Mapping[str, str]
) -> dict[str, Any]:
    """The job; `trigger` says what starts it."""
    identity = apps.identity("scheduler")
    return {
        "location": apps.arm.location,
        "tags": dict(tags),
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {identity: {}}},
        "properties": {
            "environmentId": apps.environment,
            "configuration": {
                "replicaTimeout": SECONDS,
                "replicaRetryLimit": RETRIES,
                "registries": apps.registries(identity),
                **trigger,
            },
            "template": {"containers": [dict(container)]},
        },
    }
