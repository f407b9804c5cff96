"""Everything that is in the emulated project, and what of it answers at addresses of its own."""

from __future__ import annotations

from pathlib import Path

from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.log import Log
from toolkit.adapters.gcp.emulator.monitoring import Monitoring
from toolkit.adapters.gcp.emulator.secrets import SecretManager
from toolkit.adapters.gcp.emulator.topics import Topics
from toolkit.execution.http_messages import Request, Response


class Site:
    """`home` is the folder for what runs; `mark` is how its processes are found should this one die."""

    def __init__(self, address: str, home: Path, identity: Identity, mark: str) -> None:
        self.address, self.home, self.identity, self.mark = address, home, identity, mark
        self.secrets = SecretManager()
        self.topics = Topics()
        self.log = Log()
        self.monitoring = Monitoring()

    def answer(self, request: Request) -> Response | None:
        """Of what is no API: a service's URL. None where nothing of ours is addressed."""
        return None

    def close(self) -> None:
        """What runs is ended."""
