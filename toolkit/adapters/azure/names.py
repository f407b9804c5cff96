"""What everything on Azure is called, worked out from the project and the target.

An operator makes some of it once (storage account, vault, identities, registry, topic, workspace), adapters make the
rest (function apps, container apps, jobs, secrets); both take the names from here. All of a target begins with its
stem, but for what has to be unique in the world: that carries six characters of the hash of the subscription too.

Azure's limits: a storage account has 3 to 24 of a-z and 0-9; a vault 3 to 24 with hyphens; a registry 5 to 50 of a-z
and 0-9; a container app and its job 2 to 32, a letter first; a function app up to 60, of which the first 32 have to be
its own (they are its host id); an Event Grid topic 3 to 50; a secret 1 to 127 of letters, digits and hyphens.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.domain.names import resource, stem

ROLES = ("inference", "drift-check", "job", "retrain", "scheduler")
ACCOUNT, VAULT, REGISTRY, APP, TOPIC, IDENTITY, WORKSPACE = 24, 24, 50, 32, 50, 128, 63
MAX_TAGS, TAG_KEY, TAG_VALUE = 50, 128, 256  # a storage account's key is the shortest
_TAG_KEY = re.compile(r"[<>%&\\?/]+")


@dataclass(frozen=True)
class Names:
    """The names of one target; `stem` is `toolkit.domain.names.stem(project, target)`, as the settings hold it."""

    stem: str
    subscription: str = ""

    @classmethod
    def of(cls, project: str, target: str, subscription: str = "") -> Names:
        return cls(stem(project, target), subscription)

    @property
    def account(self) -> str:
        """The storage account: the world's, letters and digits only."""
        return _worlds(self.stem.replace("-", ""), self.subscription, ACCOUNT, "")

    @property
    def vault(self) -> str:
        return _worlds(self.stem, self.subscription, VAULT, "-")

    @property
    def registry(self) -> str:
        return _worlds(self.stem.replace("-", ""), self.subscription, REGISTRY, "")

    @property
    def topic(self) -> str:
        return resource(self.stem, "alerts", limit=TOPIC)

    @property
    def workspace(self) -> str:
        """The Log Analytics workspace."""
        return resource(self.stem, "logs", limit=WORKSPACE)

    @property
    def environment(self) -> str:
        """The Container Apps environment."""
        return resource(self.stem, "apps", limit=APP)

    @property
    def rule(self) -> str:
        """The data collection rule that metrics go through."""
        return resource(self.stem, "metrics", limit=WORKSPACE)

    def identity(self, role: str) -> str:
        """The user-assigned identity of one of ROLES."""
        if role not in ROLES:
            raise ValueError(f"no such role: {role}")
        return resource(self.stem, role, limit=IDENTITY)


def app(function: str) -> str:
    """The container app of a function, and its function app: 32 characters are a function app's host id."""
    return resource(_lettered(function), limit=APP)


def site(function: str, subscription: str) -> str:
    """The function app of a function: its host name is the world's."""
    return _worlds(_lettered(function), subscription, APP, "-")


def job(name: str) -> str:
    return resource(_lettered(name), limit=APP)


def tags(given: Mapping[str, str]) -> dict[str, str]:
    """The tags as Azure takes them: at most 50, keys without <>%&\\?/ and of 128 characters, values of 256."""
    found: dict[str, str] = {}
    for key, value in sorted(given.items())[:MAX_TAGS]:
        found[_TAG_KEY.sub("-", key)[:TAG_KEY]] = value[:TAG_VALUE]
    return found


def _lettered(name: str) -> str:
    """Begins with a letter and has two characters."""
    return name if name[:1].isalpha() and len(name) > 1 else f"n-{name}"


def _worlds(name: str, subscription: str, limit: int, joint: str) -> str:
    """`name` cut, with six characters of a hash that is the subscription's and the whole name's."""
    digest = hashlib.sha256(f"{subscription}/{name}".encode()).digest()
    tail = base64.b32encode(digest)[:6].decode().lower()
    return f"{name[: limit - 6 - len(joint)].rstrip('-')}{joint}{tail}"
