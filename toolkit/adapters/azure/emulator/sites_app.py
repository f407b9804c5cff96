"""One function app: its package, the instances that run it, its triggers, its deployments.

A package is what runs, from its own folder, by `sites_worker`. A deploy is taken at once and through after two looks;
the instances of the package before end with it.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from toolkit.adapters.azure.emulator import sites_checks as checks
from toolkit.adapters.azure.emulator.arm_console import ConsoleLogs
from toolkit.adapters.azure.emulator.containerapps import principal
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.operations import POLLS
from toolkit.adapters.azure.emulator.refused import conflict, missing
from toolkit.adapters.azure.emulator.sites_timers import App
from toolkit.domain import times
from toolkit.execution.container.instances import Instances, Shape
from toolkit.execution.container.running import Container
from toolkit.execution.host import bundles
from toolkit.execution.http_messages import Request, Response
from toolkit.execution.reaper import Reaper

DOMAIN = "azurewebsites.net"
WORKER = "toolkit.adapters.azure.emulator.sites_worker"
SECONDS = 230.0
NO_LIMIT = 1000
UNPACKED = 1024**3
PENDING, FAILED, SUCCESS = 0, 3, 4
DEPLOY_SECONDS = 1.0


class FunctionApp:
    """`desired` is its body as Azure Resource Manager was told it, `lock` that of all apps, `logged` whether what it
    prints goes to Log Analytics, `package` the folder of what serves."""

    def __init__(
        self,
        desired: dict[str, Any],
        home: Path,
        reaper: Reaper,
        identity: Identity,
        log: ConsoleLogs,
        lock: threading.RLock,
    ) -> None:
        self.desired = desired
        self.guard: dict[str, Any] = {}
        self.logged = False
        self.package: Path | None = None
        self.running: Instances | None = None
        self.app: App | None = None  # its triggers
        self._home, self._reaper, self._identity, self._log, self._lock = home, reaper, identity, log, lock
        self._deployments: dict[str, list[Any]] = {}  # id -> [state, why, looks, when it began]
        self._uploaded: dict[str, bytes] = {}

    def shown(self) -> dict[str, Any]:
        """Without the settings, which only `config/appsettings/list` shows."""
        found = copy.deepcopy(self.desired)
        found["properties"].pop("siteConfig", None)
        name = found["name"]
        hosts = [f"{name}.{DOMAIN}", f"{name}.scm.{DOMAIN}"]
        found["properties"] |= {"state": "Running", "defaultHostName": hosts[0], "enabledHostNames": hosts}
        return found

    def settings(self) -> dict[str, Any]:
        id_, kind = self.desired["id"], self.desired["type"]
        made = {"id": f"{id_}/config/appsettings", "name": "appsettings", "type": f"{kind}/config"}
        return {**made, "properties": self._variables()}

    def _variables(self) -> dict[str, str]:
        given = (self.desired["properties"].get("siteConfig") or {}).get("appSettings") or ()
        return {one["name"]: one["value"] for one in given}

    # One deploy; the lock is held

    def publish(self, data: bytes) -> str:
        """The deployment's id."""
        self._settle()
        if any(told[0] == PENDING for told in self._deployments.values()):
            raise conflict("There is a deployment currently in progress.")
        number = str(uuid4())
        self._deployments[number] = [PENDING, "", 0, time.monotonic()]
        self._uploaded[number] = data
        return number

    def deployment(self, number: str) -> dict[str, Any]:
        if number not in self._deployments:
            raise missing(number)
        told = self._deployments[number]
        told[2] += 1
        self._settle()
        return {"id": number, "status": told[0], "status_text": told[1], "complete": told[0] != PENDING}

    def _settle(self) -> None:
        """A deployment is through when it was looked at twice, and in the end without."""
        for number, told in self._deployments.items():
            if told[0] == PENDING and (told[2] >= POLLS or time.monotonic() - told[3] > DEPLOY_SECONDS):
                python = self.desired["properties"]["functionAppConfig"]["runtime"]["version"]
                data = self._uploaded.pop(number)
                told[1] = checks.package(data, python)
                told[0] = FAILED if told[1] else SUCCESS
                if not told[1]:
                    self._through(data)

    def _through(self, data: bytes) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._home, prefix="package-"))
        (folder / "package.zip").write_bytes(data)
        bundles.unpack(folder / "package.zip", folder / "wwwroot", UNPACKED)
        (folder / "package.zip").unlink()
        self.end(self.package)
        self.package = folder

    # What runs

    def instances(self) -> Instances | None:
        """Of the package that serves, None before the first."""
        with self._lock:
            self._settle()
            if self.running is None and self.package:
                self.running = self._made(self.package)
            return self.running

    def stale(self) -> None:
        """Its triggers may be others now."""
        if self.app is None:

            def call(request: Request) -> Response | None:
                return instances.call(request) if (instances := self.instances()) else None

            self.app = App(call, lambda text: self._printed(text, times.now(), "host"))
        self.app.stale = True

    def end(self, package: Path | None = None) -> None:
        """Its instances end, and then `package` goes."""
        running, self.running = self.running, None
        self.stale()

        def end() -> None:
            if running:
                running.close("the app is deployed anew, changed or deleted")
            if package:
                bundles.remove(package)
                shutil.rmtree(package, ignore_errors=True)

        if running or package:
            threading.Thread(target=end, name="end", daemon=True).start()

    def _made(self, package: Path) -> Instances:
        name, properties = self.desired["name"], self.desired["properties"]
        scale = properties["functionAppConfig"]["scaleAndConcurrency"]
        at_once = ((scale.get("triggers") or {}).get("http") or {}).get("perInstanceConcurrency") or NO_LIMIT
        most = scale["maximumInstanceCount"]
        container = Container((WORKER, str(package / "wwwroot")), self._variables(), scale["instanceMemoryMB"])
        # One instance is given whatever comes, as in Container Apps: its own limit is the application's.
        shape = Shape(container, at_once if most > 1 else NO_LIMIT, most, SECONDS)
        instance = uuid4().hex

        def environment(port: int) -> dict[str, str]:
            return {
                **self._identity.environment(principal(self.desired)), "PORT": str(port),
                "WEBSITE_SITE_NAME": name, "WEBSITE_HOSTNAME": f"{name}.{DOMAIN}", "WEBSITE_INSTANCE_ID": instance,
                "FUNCTIONS_WORKER_RUNTIME": "python",
            }  # fmt: skip

        def printed(text: str, when: str) -> None:
            self._printed(text, when, instance)

        return Instances(shape, self._home, self._reaper, printed, environment)

    def _printed(self, text: str, when: str, by: str) -> None:
        if self.logged:
            self._log.told(text, when, self.desired["name"], by)
