"""The emulator over the wire for this process's tests: one server, a container or names of one's own for every case."""

from __future__ import annotations

from uuid import uuid4

from toolkit.adapters.azure import client
from toolkit.adapters.azure.blob_service import service
from toolkit.adapters.azure.emulator import COMMAND
from toolkit.adapters.azure.emulators import azure
from toolkit.adapters.azure.settings import AzureSettings
from toolkit.ports import Settings
from toolkit.testing.servers import shared


def address() -> str:
    """Of the server, which is started when it is first asked for."""
    found = shared(COMMAND)
    client.emulated.add(found)
    return found


def settings(**more: object) -> Settings:
    """Of a project of one's own on the server."""
    context = {"project": f"p-{uuid4().hex[:12]}", "target": "test"}
    given = AzureSettings.model_validate({"emulator": "azure", **more}, context=context).model_dump(mode="json")
    return azure(given).connect(given, address())


def bucket() -> Settings:
    """The settings with a new, empty container."""
    found = settings(container=f"bucket-{uuid4().hex[:12]}")
    service(found["account"], found["endpoint"]).create_container(found["container"])
    return found
