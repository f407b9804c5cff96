"""Secret Manager: `<stem>--<name>` each, so that a service account can be given the secrets of one target.

A value is a new version; the ones before it are destroyed, since a secret that was replaced because it leaked should
not be there to be read. A deleted secret is gone at once. Google may show a new version some seconds late to readers
elsewhere.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import suppress

from toolkit.adapters.gcp.client import Api, again
from toolkit.adapters.gcp.names import Names
from toolkit.domain import secret
from toolkit.domain.errors import AlreadyExists, ConfigError, Corrupt, NotFound, PreconditionFailed
from toolkit.ports import Settings

HOST = "secretmanager.googleapis.com"
LABEL = "toolkit-target"


def open_secrets(settings: Settings) -> GcpSecrets:
    return GcpSecrets(settings["project"], settings["stem"], Api(HOST, "v1", settings["services_endpoint"]))


class GcpSecrets:
    def __init__(self, project: str, stem: str, api: Api) -> None:
        if not project:
            raise ConfigError("no project is set on gcp", hint='project = "..." in [targets.<t>.gcp]')
        self._parent = f"projects/{project}"
        self._stem = stem
        self._names = Names(stem)
        self._api = api

    def get(self, name: str) -> str:
        path = self._path(name)
        try:
            found = self._api.get(f"read secret {name}", f"{path}/versions/latest:access")
        except (NotFound, PreconditionFailed) as error:  # the latter: its only version was destroyed
            hint = f"toolkit secrets set {name}"
            raise NotFound(f"no secret {name!r} ({path})", hint=hint) from error.__cause__
        data = base64.b64decode(found["payload"]["data"])
        if int(found["payload"].get("dataCrc32c", _checksum(data))) != _checksum(data):
            raise Corrupt(f"secret {name!r} did not arrive as it is", hint="run the same command again")
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise Corrupt(f"secret {name!r} is not text", hint=f"toolkit secrets set {name}") from None

    def put(self, name: str, value: str) -> None:
        path = self._path(name)
        data = secret.check_value(name, value)
        payload = {"data": base64.b64encode(data).decode(), "dataCrc32c": str(_checksum(data))}

        def write() -> str:
            try:
                made = self._api.call(f"write secret {name}", "POST", f"{path}:addVersion", {"payload": payload})
            except NotFound:
                about = {"replication": {"automatic": {}}, "labels": {LABEL: self._stem, "managed-by": "toolkit"}}
                where = {"secretId": path.rpartition("/")[2]}
                self._api.call(f"make secret {name}", "POST", f"{self._parent}/secrets", about, where)
                made = self._api.call(f"write secret {name}", "POST", f"{path}:addVersion", {"payload": payload})
            return str(made["name"])

        written = again(write, lambda error: isinstance(error, AlreadyExists))  # somebody made it between the two
        self._destroy_before(name, int(written.rpartition("/")[2]))

    def list(self) -> Iterator[str]:
        begin = self._names.secret("")
        found = self._api.pages(
            "list secrets", f"{self._parent}/secrets", "secrets", filter=f"labels.{LABEL}={self._stem}", pageSize=250
        )
        ids = (one["name"].rpartition("/")[2] for one in found)
        yield from sorted(one.removeprefix(begin) for one in ids if one.startswith(begin))

    def delete(self, name: str) -> None:
        with suppress(NotFound):
            self._api.call(f"delete secret {name}", "DELETE", self._path(name))

    def _destroy_before(self, name: str, number: int) -> None:
        path = self._path(name)
        older = self._api.pages(f"look at secret {name}", f"{path}/versions", "versions", filter="state:ENABLED")
        for version in older:
            if int(version["name"].rpartition("/")[2]) < number:
                # Another writer may have destroyed it, or deleted the secret: then it is no less gone.
                with suppress(NotFound, PreconditionFailed):
                    self._api.call(f"destroy the value before of {name}", "POST", f"{version['name']}:destroy", {})

    def _path(self, name: str) -> str:
        return f"{self._parent}/secrets/{self._names.secret(secret.check_name(name))}"


def _checksum(data: bytes) -> int:
    import google_crc32c

    return int(google_crc32c.value(data))
