"""What a model of Azure's SDKs takes, of both generators."""

from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.appcontainers import models as newer
from azure.mgmt.eventgrid import models as older

from toolkit.adapters.azure.emulator import shapes
from toolkit.adapters.azure.emulator.refused import Refused

JOB: dict[str, Any] = {
    "location": "westeurope",
    "properties": {
        "environmentId": "/e",
        "configuration": {"triggerType": "Manual", "replicaTimeout": 5},
        "template": {"containers": [{"name": "c", "image": "i", "env": [{"name": "A", "value": "b"}]}]},
    },
}
HOOK: dict[str, Any] = {
    "properties": {
        "destination": {"endpointType": "WebHook", "properties": {"endpointUrl": "https://x"}},
        "filter": {"subjectBeginsWith": "/a", "includedEventTypes": ["T"]},
        "eventDeliverySchema": "CloudEventSchemaV1_0",
        "retryPolicy": {"maxDeliveryAttempts": 3},
    }
}


def test_what_fits() -> None:
    shapes.check(JOB, newer.Job)
    shapes.check(HOOK, older.EventSubscription)
    shapes.check({}, newer.Job, full=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"location": None}, "string|null|None"),
        ({"id": "x"}, "read-only"),
        ({"locations": "x"}, "locations"),
        ({"properties": {"provisioningState": "Succeeded"}}, "read-only"),
        ({"properties": {"configuration": {"triggerType": "Sometimes", "replicaTimeout": 1}}}, "Sometimes"),
        ({"properties": {"configuration": {"triggerType": "Manual"}}}, "replicaTimeout"),
        ({"properties": {"configuration": {"triggerType": "Manual", "replicaTimeout": True}}}, "integer"),
        ({"properties": {"template": {"containers": {"name": "c"}}}}, "array"),
        ({"tags": {"a": 1}}, "string"),
    ],
)
def test_what_does_not_fit_the_newer(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        shapes.check({**JOB, **change}, newer.Job)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"topic": "/x"}, "read-only"),
        ({"destination": {"endpointType": "Pigeon"}}, "Pigeon"),
        ({"destination": {"properties": {}}}, "endpointType"),
        ({"destination": {"endpointType": "WebHook", "properties": {"endpointUrls": "x"}}}, "endpointUrls"),
        ({"eventDeliverySchema": "Another"}, "Another"),
        ({"retryPolicy": {"maxDeliveryAttempts": "3"}}, "integer"),
        ({"filter": {"includedEventTypes": "T"}}, "array"),
        ({"labels": [1]}, "string"),
    ],
)
def test_what_does_not_fit_the_older(change: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        shapes.check({"properties": {**HOOK["properties"], **change}}, older.EventSubscription)


def test_a_required_field_of_the_older() -> None:
    with pytest.raises(Refused, match="location"):
        shapes.check({"properties": {}}, older.Topic)
