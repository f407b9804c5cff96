"""Cloud Run's API as the adapter's parts use it: paths, and patience with long-running operations."""

from __future__ import annotations

import re
import sys
import time
from typing import Any

from toolkit import __version__
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.names import Names
from toolkit.domain.errors import ConfigError, ProviderError, Unavailable
from toolkit.ports import Settings

HOST = "run.googleapis.com"
READY_SECONDS = 600.0
FAILED = "CONDITION_FAILED"
_IMAGE = re.compile(r"Image '([^']+)' not found")


class Run:
    def __init__(self, settings: Settings) -> None:
        for name in ("project", "region"):
            if not settings[name]:
                raise ConfigError(f"no {name} is set on gcp", hint=f'{name} = "..." in [targets.<t>.gcp]')
        self.settings = settings
        self.project, self.region = settings["project"], settings["region"]
        self.parent = f"projects/{self.project}/locations/{self.region}"
        self.names = Names(settings["stem"])
        self.api = Api(HOST, "v2", settings["services_endpoint"])
        # An emulator on this machine answers at once and has no quota of questions.
        self.poll = 0.05 if settings["services_endpoint"] else 1.0

    def change(
        self, what: str, method: str, path: str, body: Any = None, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Begin a change and wait until it is done; what came of it. ProviderError says why it failed."""
        operation = self.api.call(what, method, path, body, query)
        deadline, wait = time.monotonic() + READY_SECONDS, self.poll
        while not operation.get("done"):
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"cannot {what}: not done after {READY_SECONDS:g} s", hint="run the same command again"
                )
            time.sleep(wait)
            wait = min(wait * 1.5, 3.0)
            operation = self.api.get(what, operation["name"])
        if error := operation.get("error"):
            said = str(error.get("message", "Google says no reason"))
            missing = _IMAGE.search(said)
            push = f"toolkit image build --kind job && toolkit image push --kind job {missing[1]}" if missing else ""
            raise ProviderError(f"cannot {what}: {said}", hint=push or "toolkit logs")
        found: dict[str, Any] = operation.get("response", {})
        return found

    def account(self, role: str) -> str:
        """The service account of a role."""
        given: str = self.settings["accounts"].get(role, "")
        return given or self.names.account(role, self.project)

    def image(self, python: str) -> str:
        """The image with this Python ("3.13"); "" for the one that runs the toolkit here."""
        given: str = self.settings["image"]
        where = f"{self.region}-docker.pkg.dev/{self.project}/{self.names.repository}"
        return given or f"{where}/job:{image_tag(python)}"


def image_tag(python: str = "") -> str:
    """How the image of this version is tagged, with its Python."""
    return f"{__version__}-py{python or '{}.{}'.format(*sys.version_info[:2])}"
