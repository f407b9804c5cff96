"""Azure on this machine, chosen by `emulator = "azure"` in `[targets.<t>.azure]` (see `emulator`)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from toolkit.adapters.azure import client
from toolkit.adapters.azure.names import Names
from toolkit.ports import Settings
from toolkit.ports.emulator import Emulator

WORKSPACE = "00000000-0000-0000-0000-00000e0e0e0e"
INGESTION = "https://emulated.westeurope-1.ingest.monitor.azure.com"
RULE = f"dcr-{'0e' * 16}"

TOPICS, TOPICS_VERSION = "Microsoft.EventGrid/topics", "2025-02-15"


def azure(settings: Settings) -> Emulator:
    from toolkit.adapters.azure.emulator import COMMAND

    return Emulator("azure", COMMAND, _connect, prepare=_prepare, home=True)


def _connect(settings: Settings, address: str) -> dict[str, Any]:
    """Alerts go to the operator's topic unless others are named."""
    client.emulated.add(address)
    own = {"endpoint": address, "services_endpoint": address}
    topic = f"https://{Names(settings['stem']).topic}.{settings['location']}-1.eventgrid.azure.net/api/events"
    where = {"workspace": WORKSPACE, "ingestion": INGESTION, "rule": RULE, "topics": [topic]}
    return {**settings, **{key: settings[key] or value for key, value in where.items()}, **own}


def _prepare(settings: Settings) -> None:
    """What an operator makes once."""
    from azure.core.exceptions import ResourceExistsError

    from toolkit.adapters.azure.arm_apps import Apps
    from toolkit.adapters.azure.store import service

    with suppress(ResourceExistsError):
        service(settings["account"], settings["endpoint"]).create_container(settings["container"])
    apps = Apps(settings)
    topic = urlsplit(settings["topics"][0]).netloc.partition(".")[0]
    body = {"location": settings["location"], "properties": {"inputSchema": "CloudEventSchemaV1_0"}}
    apps.arm.change("make the topic", "PUT", apps.arm.path(TOPICS, topic), TOPICS_VERSION, body)
    apps.change("make the environment", "PUT", apps.environment, {"location": apps.arm.location, "properties": {}})
