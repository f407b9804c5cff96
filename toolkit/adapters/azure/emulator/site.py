"""Everything that is in the emulated subscription, and what of it answers at addresses of its own."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.adapters.azure.emulator.arm_console import ConsoleLogs
from toolkit.adapters.azure.emulator.containerapps import ContainerApps
from toolkit.adapters.azure.emulator.containerapps_front import Front
from toolkit.adapters.azure.emulator.grid import Grid
from toolkit.adapters.azure.emulator.identity import PATH, Identity
from toolkit.adapters.azure.emulator.jobs import Jobs
from toolkit.adapters.azure.emulator.log_analytics import Workspace
from toolkit.adapters.azure.emulator.rbac_guard import Guard
from toolkit.adapters.azure.emulator.resources import Resources
from toolkit.adapters.azure.emulator.sites import Sites
from toolkit.adapters.azure.emulator.vault import Vaults
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.reaper import Reaper


class Site:
    """`home` is the folder for what runs; `reaper` ends what runs should this process die."""

    def __init__(self, address: str, home: Path, identity: Identity, reaper: Reaper) -> None:
        self.address, self.home, self.identity, self.reaper = address, home, identity, reaper
        self.resources = Resources(address)
        self.vaults = Vaults(address)
        self.grid = Grid(address, identity)
        self.console = ConsoleLogs()
        self.workspace = Workspace(self.console)
        self.apps = ContainerApps(address, home, reaper, identity, self.console)
        self.jobs = Jobs(address, home, reaper, identity, self.apps, self.console)
        self.sites = Sites(address, home, reaper, identity, self.console)
        self._front = Front(self.apps, identity)
        self.guard = Guard(self)
        self.apps.pulls = self.guard.pulls

    def answer(self, request: Request) -> Response | None:
        """Of what is no API: managed identities' endpoint, a function's URL. None where nothing of ours is meant."""
        if request.path == PATH:
            return self.identity.endpoint(request)
        if turned := self.jobs.clock(request):
            self.sites.turn(json.loads(turned.body)["ahead"])
            return turned
        return self._front(request) or self.sites(request)

    def close(self) -> None:
        """What runs is ended."""
        self.grid.close()
        self.jobs.close()
        self.apps.close()
        self.sites.close()
