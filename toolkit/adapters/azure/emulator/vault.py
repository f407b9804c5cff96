"""Key Vault: secrets with versions, kept when they are deleted, and gone when they are purged.

A deletion and a recovery are not done when they are first looked at, as with the real one.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.adapters.azure.emulator.rest import Call, Method, Reply

HOST = "{vault}.vault.azure.net"
VERSIONS = ("7.4", "7.5", "7.6", "2025-07-01")
MOST_BYTES = 25 * 1024
PAGE = 25
_NAME = re.compile(r"[A-Za-z0-9-]{1,127}")


@dataclass
class _Secret:
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: bool = False
    unsettled: int = 0  # looks until what was begun is through


class Vaults:
    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], _Secret] = {}

    def methods(self) -> tuple[Method, ...]:
        from azure.keyvault.secrets._generated import models

        def of(verb: str, path: str, handler: Any, body: Any = None, query: tuple[str, ...] = ()) -> Method:
            return Method(verb, HOST, path, handler, body, VERSIONS, query, patch=verb == "PATCH")

        return (
            of("PUT", "/secrets/{name}", self.set, models.SecretSetParameters),
            of("GET", "/secrets/{name}", self.get),
            of("GET", "/secrets/{name}/versions", self.versions, query=("maxresults", "$skiptoken")),
            of("GET", "/secrets/{name}/{version}", self.get),
            of("PATCH", "/secrets/{name}/{version}", self.update, models.SecretUpdateParameters),
            of("GET", "/secrets", self.all, query=("maxresults", "$skiptoken")),
            of("DELETE", "/secrets/{name}", self.delete),
            of("GET", "/deletedsecrets/{name}", self.get_deleted),
            of("POST", "/deletedsecrets/{name}/recover", self.recover),
            of("DELETE", "/deletedsecrets/{name}", self.purge),
        )

    def set(self, call: Call) -> Reply:
        name, value = call.path["name"], call.body["value"]
        if not _NAME.fullmatch(name):
            raise Refused(400, "BadParameter", f"The request URI contains an invalid name: {name}")
        if len(value.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            raise Refused(400, "BadParameter", "The length of property 'value' should not exceed 25 kB.")
        if len(call.body.get("tags") or {}) > 15:
            raise Refused(400, "BadParameter", "A secret has at most 15 tags.")
        with self._lock:
            kept = self._kept.setdefault(self._key(call), _Secret())
            if kept.deleted:
                message = (
                    f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused."
                )
                raise Refused(409, "Conflict", message)
            if kept.unsettled:
                raise Refused(409, "Conflict", f"Secret {name} is currently being recovered.")
            version, now = uuid.uuid4().hex, int(time.time())
            attributes = {"enabled": True, "created": now, "updated": now, **(call.body.get("attributes") or {})}
            made = {**call.body, "attributes": {**attributes, "recoveryLevel": "Recoverable+Purgeable"}}
            kept.versions[version] = made
            return Reply(self._shown(call, version, made))

    def get(self, call: Call) -> Reply:
        with self._lock:
            kept = self._find(call)
            version = call.path.get("version") or next(reversed(kept.versions))
            if version not in kept.versions:
                raise self._missing(call)
            found = kept.versions[version]
            if not found["attributes"]["enabled"]:
                raise Refused(403, "Forbidden", "Operation get is not allowed on a disabled secret.")
            return Reply(self._shown(call, version, found))

    def update(self, call: Call) -> Reply:
        with self._lock:
            kept, version = self._find(call), call.path["version"]
            if version not in kept.versions:
                raise self._missing(call)
            found = kept.versions[version]
            found["attributes"] |= call.body.get("attributes") or {}
            shown = self._shown(call, version, {**found, **{k: v for k, v in call.body.items() if k != "attributes"}})
            return Reply({key: value for key, value in shown.items() if key != "value"})

    def versions(self, call: Call) -> Reply:
        with self._lock:
            kept = self._find(call)
            return self._page(call, [self._shown(call, version, one) for version, one in kept.versions.items()])

    def all(self, call: Call) -> Reply:
        vault = call.path["vault"]
        with self._lock:
            found = [(name, kept) for (of, name), kept in sorted(self._kept.items()) if of == vault and self._is(kept)]
            shown = []
            for name, kept in found:
                newest = next(reversed(kept.versions.values()))
                about = {key: value for key, value in newest.items() if key != "value"}
                shown.append({"id": f"https://{vault}.vault.azure.net/secrets/{name}", **about})
        return self._page(call, shown)

    def delete(self, call: Call) -> Reply:
        with self._lock:
            kept = self._find(call)
            kept.deleted, kept.unsettled = True, 1
            return Reply(self._deleted(call, kept))

    def get_deleted(self, call: Call) -> Reply:
        with self._lock:
            return Reply(self._deleted(call, self._find_deleted(call)))

    def recover(self, call: Call) -> Reply:
        with self._lock:
            kept = self._find_deleted(call)
            kept.deleted, kept.unsettled = False, 1
            return Reply(self._shown(call, next(reversed(kept.versions)), {"attributes": {}}))

    def purge(self, call: Call) -> Reply:
        with self._lock:
            self._find_deleted(call)
            del self._kept[self._key(call)]
            return Reply(None, 204)

    def _find(self, call: Call) -> _Secret:
        kept = self._kept.get(self._key(call))
        if kept is None or not kept.versions or kept.deleted:
            raise self._missing(call)
        if kept.unsettled:
            kept.unsettled -= 1
            raise self._missing(call)
        return kept

    def _find_deleted(self, call: Call) -> _Secret:
        kept = self._kept.get(self._key(call))
        if kept is None or not kept.deleted:
            raise self._missing(call)
        if kept.unsettled:
            kept.unsettled -= 1
            raise self._missing(call)
        return kept

    def _is(self, kept: _Secret) -> bool:
        return bool(kept.versions) and not kept.deleted

    def _missing(self, call: Call) -> Refused:
        message = f"A secret with (name/id) {call.path['name']} was not found in this key vault."
        return Refused(404, "SecretNotFound", message)

    def _shown(self, call: Call, version: str, found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "id": f"https://{call.path['vault']}.vault.azure.net/secrets/{call.path['name']}/{version}"}

    def _deleted(self, call: Call, kept: _Secret) -> dict[str, Any]:
        newest = next(reversed(kept.versions))
        about = {key: value for key, value in kept.versions[newest].items() if key != "value"}
        where = f"https://{call.path['vault']}.vault.azure.net/deletedsecrets/{call.path['name']}"
        return {**self._shown(call, newest, about), "recoveryId": where, "deletedDate": int(time.time())}

    def _page(self, call: Call, found: list[dict[str, Any]]) -> Reply:
        size, start = min(int(call.query.get("maxresults", PAGE)), PAGE), int(call.query.get("$skiptoken", "0"))
        cut = [{key: value for key, value in one.items() if key != "value"} for one in found[start : start + size]]
        more = f"{self._address}{call.request.path}?api-version={call.query['api-version']}&maxresults={size}"
        following = f"{more}&$skiptoken={start + size}" if start + size < len(found) else None
        return Reply({"value": cut, "nextLink": following})

    def _key(self, call: Call) -> tuple[str, str]:
        return call.path["vault"].lower(), call.path["name"].lower()
