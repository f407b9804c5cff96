"""What `toolkit doctor` finds out about a subscription: who asks, and whether what the ports need is there and usable.

Reads only. What the caller may not look at is said ("not checked") and is no failure: a deployer need not be able to
read everything that an operator made.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from toolkit.adapters.azure import client
from toolkit.adapters.azure.client import ARM, AUDIENCES, Arm
from toolkit.adapters.azure.operator.things import ARM_VERSIONS
from toolkit.adapters.azure.secrets import open_secrets
from toolkit.domain.errors import ConfigError, NotFound, PermissionDenied, ToolkitError
from toolkit.ports.checks import Asked, Check

STORAGE = "Microsoft.Storage/storageAccounts"
ENVIRONMENTS = "Microsoft.App/managedEnvironments"
TOPICS = "Microsoft.EventGrid/topics"


def check(asked: Asked) -> Iterator[Check]:
    """Every check of the ports asked for, in the order in which they build on each other."""
    look = Look(asked)
    yield look.identity()
    yield look.group()
    if "store" in asked.ports:
        yield look.account()
        yield look.versions()
    if asked.ports & {"functions", "jobs"}:
        yield look.environment()
    if "secrets" in asked.ports:
        yield look.vault()
    if "alerts" in asked.ports:
        yield look.topics()
    if "metrics" in asked.ports:
        yield look.metrics()


class Look:
    def __init__(self, asked: Asked) -> None:
        self._settings, self._target = asked.settings, asked.target
        self._bootstrap = f"toolkit bootstrap -t {asked.target}"
        self._arm = Arm(asked.settings)

    def identity(self) -> Check:
        """Unauthenticated where there is none: the end of the checks."""
        token = client.token(self._settings["services_endpoint"], AUDIENCES[ARM])
        return Check("azure identity", True, _whose(token))

    def group(self) -> Check:
        def question() -> tuple[bool, str]:
            found = self._arm.get(
                "look at the group", self._arm.group, ARM_VERSIONS["Microsoft.Resources/resourceGroups"]
            )
            return True, f"{found['name']} in {found['location']}"

        return self._asks("azure resource group", question, self._settings["resource_group"])

    def account(self) -> Check:
        name = self._settings["account"]

        def question() -> tuple[bool, str]:
            told = self._of(STORAGE, name)["properties"]
            wrong = [
                words
                for words, bad in (
                    ("blobs may be public", told.get("allowBlobPublicAccess", True)),
                    ("keys open it", told.get("allowSharedKeyAccess", True)),
                    ("TLS before 1.2 is taken", told.get("minimumTlsVersion", "TLS1_0") in {"TLS1_0", "TLS1_1"}),
                )
                if bad
            ]
            return not wrong, ", ".join(wrong) or f"{name}, with Entra's tokens only"

        return self._asks("azure storage account", question, name)

    def versions(self) -> Check:
        def question() -> tuple[bool, str]:
            path = f"{self._arm.path(STORAGE, self._settings['account'])}/blobServices/default"
            told = self._arm.get("look at the blobs", path, ARM_VERSIONS[STORAGE])["properties"]
            on = bool(told.get("isVersioningEnabled"))
            kept = (told.get("deleteRetentionPolicy") or {}).get("days", 0)
            return on and bool(kept), f"versioning is {'on' if on else 'off'}, deleted blobs stay {kept} days"

        return self._asks("azure blob versions", question, self._settings["account"])

    def environment(self) -> Check:
        name = self._settings["environment"]
        return self._asks("azure container apps", lambda: (bool(self._of(ENVIRONMENTS, name)), name), name)

    def vault(self) -> Check:
        name = self._settings["vault"]

        def question() -> tuple[bool, str]:
            next(open_secrets(self._settings).list(), None)
            return True, name

        return self._asks("azure key vault", question, name)

    def topics(self) -> Check:
        topics = self._settings["topics"]
        if not topics:
            return Check("azure topics", False, "none is named, so nobody is told", f"{self._bootstrap} names one")
        return Check("azure topics", True, f"{len(topics)} named")

    def metrics(self) -> Check:
        missing = [name for name in ("workspace", "ingestion", "rule") if not self._settings[name]]
        said = f"not set: {', '.join(missing)}" if missing else "set"
        return Check("azure metrics", not missing, said, f"{self._bootstrap} says them" if missing else "")

    def _of(self, kind: str, name: str) -> dict[str, Any]:
        return self._arm.get(f"look at {name}", self._arm.path(kind, name), ARM_VERSIONS[kind])

    def _asks(self, name: str, question: Callable[[], tuple[bool, str]], what: str) -> Check:
        """What cannot be asked is no failure of what was asked about."""
        try:
            ok, said = question()
        except (NotFound, ConfigError) as error:
            gone = isinstance(error, NotFound) or "NotFound" in error.message
            said = f"there is no {what}" if gone else error.message
            return Check(name, False, said, error.hint or self._bootstrap)
        except PermissionDenied as error:
            return Check(name, True, f"not checked: {error.hint or error.message}")
        except ToolkitError as error:
            return Check(name, True, f"not checked: {error.message}")
        return Check(name, ok, said, "" if ok else self._bootstrap)


def _whose(token: str) -> str:
    """Who a token is of, from its claims; they are shown, not trusted."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return "of the emulator"
    named = claims.get("upn") or claims.get("unique_name") or claims.get("appid") or claims.get("oid") or "unknown"
    return f"{named} in tenant {claims.get('tid', 'unknown')}"
