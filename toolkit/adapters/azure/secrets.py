"""Key Vault: `<stem>--<name>` each, so that an identity can be given the secrets of one target.

A value is a new version; the ones before it are disabled, since a secret that was replaced because it leaked should not
be there to be read (Key Vault removes no single version). A vault keeps what was deleted: it is purged where the vault
lets us, and a name that is put again while it lies there is recovered first.

A secret of Key Vault has 25 kB. A longer value is kept in parts, secrets of their own (`<stem>--<name>--0`, ...); the
secret itself, written last, names their versions, so that a reader sees one whole value.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from toolkit.adapters.azure.client import Api, again
from toolkit.adapters.azure.errors import status_of
from toolkit.domain import secret
from toolkit.domain.errors import (
    ConfigError,
    Corrupt,
    NotFound,
    PermissionDenied,
    ProviderError,
    ToolkitError,
    Unavailable,
)
from toolkit.ports import Settings

DOMAIN = "vault.azure.net"
VERSION = "2025-07-01"
MOST_BYTES = 24_000  # of one secret: 25,600, with room
PARTS = "application/vnd.toolkit.parts+json"
TAG = "toolkit-target"
SETTLE_SECONDS = 60.0  # that a deletion or a recovery may take


def open_secrets(settings: Settings) -> VaultSecrets:
    vault = settings["vault"]
    if not vault:
        raise ConfigError("no vault is set on azure", hint='vault = "..." in [targets.<t>.azure]')
    poll = 0.05 if settings["services_endpoint"] else 1.0
    return VaultSecrets(settings["stem"], Api(f"{vault}.{DOMAIN}", VERSION, settings["services_endpoint"]), poll=poll)


def uri(settings: Settings, name: str) -> str:
    """What a container app or a function app refers to: its newest version."""
    return f"https://{settings['vault']}.{DOMAIN}/secrets/{_called(settings['stem'], name)}"


class VaultSecrets:
    """`poll` is how long to wait between looks, seconds."""

    def __init__(self, stem: str, api: Api, *, poll: float) -> None:
        self._stem, self._api, self._poll = stem, api, poll

    def get(self, name: str) -> str:
        own = self._own(name)
        try:
            found = self._api.get(f"read secret {name}", f"/secrets/{own}")
        except (NotFound, PermissionDenied) as error:
            if isinstance(error, PermissionDenied) and "disabled" not in error.message:
                raise
            hint = f"toolkit secrets set {name}"
            raise NotFound(f"no secret {name!r} ({own} in {self._api.host})", hint=hint) from error.__cause__
        if found.get("contentType") != PARTS:
            return str(found["value"])
        try:
            return "".join(self._part(name, place) for place in json.loads(found["value"]))
        except NotFound as error:
            hint = f"toolkit secrets set {name}"
            raise Corrupt(f"a part of secret {name!r} is missing", hint=hint) from error.__cause__

    def put(self, name: str, value: str) -> None:
        own = self._own(name)
        data = secret.check_value(name, value)
        if len(data) <= MOST_BYTES:
            written = [self._set(name, own, value, "text/plain")]
        else:
            parts = [self._set(name, f"{own}--{n}", part, "text/plain") for n, part in enumerate(_cut(value))]
            places = [f"{key}/{version}" for key, version in parts]
            written = [*parts, self._set(name, own, json.dumps(places), PARTS)]
        for key, version in written:
            self._disable_before(name, key, version)

    def list(self) -> Iterator[str]:
        begin = f"{self._stem}--"
        found = (one["id"].rpartition("/")[2] for one in self._api.pages("list secrets", "/secrets", maxresults="25"))
        names = (key.removeprefix(begin) for key in found if key.startswith(begin))
        yield from sorted(name for name in names if "--" not in name)

    def delete(self, name: str) -> None:
        own = self._own(name)
        held = {own: True}
        with suppress(NotFound):
            about = self._api.get(f"look at secret {name}", f"/secrets/{own}")
            if about.get("contentType") == PARTS:
                held |= {place.partition("/")[0]: True for place in json.loads(about["value"])}
        for key in held:
            self._delete(name, key)

    def _part(self, name: str, place: str) -> str:
        return str(self._api.get(f"read secret {name}", f"/secrets/{place}")["value"])

    def _set(self, name: str, key: str, value: str, kind: str) -> tuple[str, str]:
        """The key and the version that was written. A put is not repeated after doubt: it would be one version more,
        and no harm; but it is the caller who says so."""
        body = {"value": value, "contentType": kind, "tags": {TAG: self._stem, "managed-by": "toolkit"}}

        def write() -> dict[str, Any]:
            return self._api.call(f"write secret {name}", "PUT", f"/secrets/{key}", body, quoted=False)

        try:
            made = write()
        except ToolkitError as error:
            if status_of(error) != 409:
                raise
            self._recover(name, key)  # it was deleted, and the vault keeps it
            made = again(write, lambda failed: status_of(failed) == 409)
        return key, str(made["id"]).rpartition("/")[2]

    def _recover(self, name: str, key: str) -> None:
        """A name that is being deleted can be neither read nor recovered for a moment."""

        def recover() -> None:
            with suppress(NotFound):
                self._api.call(f"recover secret {name}", "POST", f"/deletedsecrets/{key}/recover")
            self._api.call(f"look at secret {name}", "GET", f"/secrets/{key}/versions", query={"maxresults": "1"})

        self._until(f"recover secret {name}", recover)

    def _delete(self, name: str, key: str) -> None:
        try:
            self._api.call(f"delete secret {name}", "DELETE", f"/secrets/{key}")
        except NotFound:
            return
        except ToolkitError as error:
            if status_of(error) != 409:  # it is being deleted
                raise
        # Where the vault is protected from purging, or we may not, it stays there for its days.
        with suppress(PermissionDenied, NotFound):
            self._until(f"delete secret {name}", lambda: self._purge(name, key))

    def _purge(self, name: str, key: str) -> None:
        """NotFound while the deletion is under way."""
        self._api.call(f"look at secret {name}", "GET", f"/deletedsecrets/{key}")
        self._api.call(f"purge secret {name}", "DELETE", f"/deletedsecrets/{key}")

    def _until(self, what: str, done: Callable[[], object]) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                done()
            except ProviderError as error:
                if isinstance(error, PermissionDenied) or status_of(error) not in {404, 409}:
                    raise
            else:
                return
            if time.monotonic() > deadline:
                raise Unavailable(f"cannot {what}: not done after {SETTLE_SECONDS:g} s", hint="run it again")
            time.sleep(self._poll)

    def _disable_before(self, name: str, key: str, newest: str) -> None:
        older = self._api.pages(f"look at secret {name}", f"/secrets/{key}/versions", maxresults="25")
        for one in [found for found in older if found["attributes"].get("enabled")]:
            version = one["id"].rpartition("/")[2]
            if version != newest:
                # Another writer may have deleted it: then it is no less gone.
                with suppress(NotFound):
                    body = {"attributes": {"enabled": False}}
                    what = f"disable the value before of {name}"
                    self._api.call(what, "PATCH", f"/secrets/{key}/{version}", body)

    def _own(self, name: str) -> str:
        return _called(self._stem, secret.check_name(name))


def _called(stem: str, name: str) -> str:
    """A name has no two hyphens in a row, so nothing falls together."""
    return f"{stem}--{name}"


def _cut(value: str) -> Iterator[str]:
    """Pieces of at most MOST_BYTES, no character of which is cut."""
    data = value.encode()
    while data:
        piece = data[:MOST_BYTES].decode("utf-8", "ignore")
        yield piece
        data = data[len(piece.encode()) :]
