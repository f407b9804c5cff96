"""Azure on this machine, chosen by `emulator = "azure"` in `[targets.<t>.azure]` (see `emulator`)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from toolkit.adapters.azure import client
from toolkit.ports import Settings
from toolkit.ports.emulator import Emulator


def azure(settings: Settings) -> Emulator:
    from toolkit.adapters.azure.emulator import COMMAND

    return Emulator("azure", COMMAND, _connect, prepare=_prepare, home=True)


def _connect(settings: Settings, address: str) -> dict[str, Any]:
    client.emulated.add(address)
    return {**settings, "endpoint": address, "services_endpoint": address}


def _prepare(settings: Settings) -> None:
    """What an operator makes once."""
    from azure.core.exceptions import ResourceExistsError

    from toolkit.adapters.azure.arm_apps import Apps
    from toolkit.adapters.azure.store import service

    with suppress(ResourceExistsError):
        service(settings["account"], settings["endpoint"]).create_container(settings["container"])
    apps = Apps(settings)
    apps.change("make the environment", "PUT", apps.environment, {"location": apps.arm.location, "properties": {}})
