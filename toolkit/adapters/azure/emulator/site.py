"""Everything that is in the emulated subscription, and what of it answers at addresses of its own."""

from __future__ import annotations

from pathlib import Path

from toolkit.adapters.azure.emulator.identity import PATH, Identity
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.reaper import Reaper


class Site:
    """`home` is the folder for what runs; `reaper` ends what runs should this process die."""

    def __init__(self, address: str, home: Path, identity: Identity, reaper: Reaper) -> None:
        self.address, self.home, self.identity, self.reaper = address, home, identity, reaper

    def answer(self, request: Request) -> Response | None:
        """Of what is no API: managed identities' endpoint, a function's URL. None where nothing of ours is meant."""
        if request.path == PATH:
            return self.identity.endpoint(request)
        return None

    def close(self) -> None:
        """What runs is ended."""
