"""Google Cloud on this machine, chosen by `emulator = "google"` in `[targets.<t>.gcp]` (see `emulator`)."""

from __future__ import annotations

from typing import Any

from toolkit.adapters.gcp import client
from toolkit.adapters.gcp.names import Names
from toolkit.ports import Settings
from toolkit.ports.emulator import Emulator


def google(settings: Settings) -> Emulator:
    from toolkit.adapters.gcp.emulator import COMMAND

    return Emulator("google", COMMAND, _connect, home=True)


def _connect(settings: Settings, address: str) -> dict[str, Any]:
    """Alerts go to the operator's topic unless others are named."""
    client.emulated.add(address)
    topics = settings["topics"] or [f"projects/{settings['project']}/topics/{Names(settings['stem']).topic}"]
    return {**settings, "endpoint": address, "services_endpoint": address, "topics": topics}
