"""Container Apps in Azure Resource Manager, as the adapter's parts use it: paths, identities, and patience."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from toolkit import __version__
from toolkit.adapters.azure.client import Arm
from toolkit.adapters.azure.errors import code_of
from toolkit.adapters.azure.names import Names
from toolkit.domain.errors import ConfigError, NotFound, ToolkitError, Unavailable
from toolkit.ports import Settings

T = TypeVar("T")
VERSION = "2026-07-01"
IDENTITY_VERSION = "2024-11-30"
ENVIRONMENTS = "Microsoft.App/managedEnvironments"
APPS = "Microsoft.App/containerApps"
JOBS = "Microsoft.App/jobs"
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
REGISTRY = "azurecr.io"
BUSY_SECONDS = 120.0
FINAL = frozenset({"Succeeded", "Failed", "Canceled"})
BUSY = frozenset({"ContainerAppOperationInProgress", "JobOperationInProgress", "OperationInProgress"})


class Apps:
    """`arm` is the target's resource group."""

    def __init__(self, settings: Settings) -> None:
        self.arm = Arm(settings)
        self.settings = settings
        self.names = Names(settings["stem"], settings["subscription"])
        self.poll = self.arm.poll
        self._clients: dict[str, str] = {}

    @property
    def environment(self) -> str:
        """The id of the Container Apps environment that everything runs in."""
        return self.arm.path(ENVIRONMENTS, self.settings["environment"] or self.names.environment)

    def identity(self, role: str) -> str:
        """The resource id of the user-assigned identity of a role."""
        given: str = self.settings["identities"].get(role, "")
        return given or self.arm.path(IDENTITIES, self.names.identity(role))

    def client_of(self, identity: str) -> str:
        """The client id of an identity: by it the SDKs ask for its tokens. ConfigError where nobody made it."""
        if identity not in self._clients:
            try:
                found = self.arm.get(f"look at identity {identity.rpartition('/')[2]}", identity, IDENTITY_VERSION)
            except NotFound as error:
                raise ConfigError(
                    f"there is no identity {identity}", hint="toolkit bootstrap makes the target's identities"
                ) from error.__cause__
            self._clients[identity] = found["properties"]["clientId"]
        return self._clients[identity]

    def image(self, python: str = "") -> str:
        """The generic image with this Python ("3.13"; "" is this interpreter's)."""
        given: str = self.settings["image"]
        return given or f"{self.names.registry}.{REGISTRY}/job:{image_tag(python)}"

    def registries(self, identity: str) -> list[dict[str, str]]:
        """Who pulls the image from where. Nothing for an image that is open to all."""
        server = self.image().partition("/")[0]
        return [{"server": server, "identity": identity}] if server.endswith(f".{REGISTRY}") else []

    def get(self, what: str, path: str) -> dict[str, Any]:
        return self.arm.get(what, path, VERSION)

    def settled(self, what: str, path: str) -> dict[str, Any]:
        """Once no change of it is under way: before that it may not show what a change, maybe of a process that died,
        has made of it. Unavailable."""
        deadline = time.monotonic() + BUSY_SECONDS
        while (body := self.get(what, path))["properties"].get("provisioningState") not in FINAL:
            if time.monotonic() > deadline:
                raise Unavailable(f"cannot {what}: a change of it is under way", hint="run the same command again")
            time.sleep(self.poll)
        return body

    def pages(self, what: str, path: str) -> Iterator[dict[str, Any]]:
        return self.arm.pages(what, path, VERSION)

    def change(self, what: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Waits for the change that is under way already, then for its own."""
        return self._patiently(lambda: self.arm.change(what, method, path, VERSION, body))

    def post(self, what: str, path: str, body: Any = None) -> dict[str, Any]:
        """An action of a resource: once."""
        found: dict[str, Any] = self.arm.change(what, "POST", path, VERSION, body)
        return found

    def delete(self, what: str, path: str) -> None:
        """Deleting what is not there is no error."""
        self._patiently(lambda: self.arm.delete(what, path, VERSION))

    def _patiently(self, call: Callable[[], T]) -> T:
        return patiently(call, self.poll, busy)

    def address(self, host: str) -> str:
        """Where an app of this host name answers."""
        endpoint: str = self.settings["services_endpoint"]
        return f"{endpoint}/{host}" if endpoint else f"https://{host}"


def patiently(call: Callable[[], T], poll: float, busy: Callable[[Exception], bool]) -> T:
    """`call()`, again for as long as another change is under way: maybe one of a process that died."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return call()
        except ToolkitError as error:
            if not busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(poll)


def busy(error: Exception) -> bool:
    """Another change of the same resource is under way."""
    return code_of(error) in BUSY


def image_tag(python: str = "") -> str:
    """How the image of this version is tagged, with its Python."""
    return f"{__version__}-py{python or '{}.{}'.format(*sys.version_info[:2])}"
