"""Azure on this machine, chosen by `emulator = "azure"` in `[targets.<t>.azure]` (see `emulator`)."""

from __future__ import annotations

from typing import Any

from toolkit.adapters.azure import client
from toolkit.adapters.azure.names import Names
from toolkit.ports import Settings
from toolkit.ports.emulator import Emulator

WORKSPACE = "00000000-0000-0000-0000-00000e0e0e0e"
INGESTION = "https://emulated.westeurope-1.ingest.monitor.azure.com"
RULE = f"dcr-{'0e' * 16}"


def azure(settings: Settings) -> Emulator:
    from toolkit.adapters.azure.emulator import COMMAND

    return Emulator("azure", COMMAND, _connect, home=True)


def _connect(settings: Settings, address: str) -> dict[str, Any]:
    """Alerts go to the operator's topic unless others are named."""
    client.emulated.add(address)
    own = {"endpoint": address, "services_endpoint": address}
    topic = f"https://{Names(settings['stem']).topic}.{settings['location']}-1.eventgrid.azure.net/api/events"
    where = {"workspace": WORKSPACE, "ingestion": INGESTION, "rule": RULE, "topics": [topic]}
    return {**settings, **{key: settings[key] or value for key, value in where.items()}, **own}
