"""Secret Manager: secrets with versions; one that was destroyed cannot be accessed."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from google.cloud.secretmanager_v1 import types

from toolkit.adapters.gcp.emulator.refused import Refused, invalid

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")
_LABEL_FILTER = re.compile(r"labels\.([a-z0-9_-]+)=([a-z0-9_-]*)")
_LARGEST = 64 * 1024
ENABLED, DESTROYED = types.SecretVersion.State.ENABLED, types.SecretVersion.State.DESTROYED


@dataclass
class _Secret:
    about: Any
    versions: list[bytes | None] = field(default_factory=list)  # None: destroyed


class SecretManager:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, _Secret] = {}

    def create(self, request: Any, caller: str) -> Any:
        if not _ID.fullmatch(request.secret_id):
            raise invalid(f"Secret ID [{request.secret_id}] must match the pattern [a-zA-Z_0-9-]+", "secret_id")
        if not request.secret.replication.WhichOneof("replication"):
            raise invalid("The secret.replication.replication field must be set.", "secret.replication")
        name = f"{request.parent}/secrets/{request.secret_id}"
        with self._lock:
            if name in self._secrets:
                raise Refused("ALREADY_EXISTS", f"Secret [{name}] already exists.")
            about = type(request.secret)()
            about.CopyFrom(request.secret)
            about.name = name
            about.create_time.GetCurrentTime()
            self._secrets[name] = _Secret(about)
            return about

    def add(self, request: Any, caller: str) -> Any:
        import google_crc32c

        data = request.payload.data
        if len(data) > _LARGEST:
            raise invalid(f"The secret payload is too large: {len(data)} bytes, at most {_LARGEST}.", "payload.data")
        if request.payload.HasField("data_crc32c") and request.payload.data_crc32c != google_crc32c.value(data):
            raise invalid("The checksum of the payload does not match its data.", "payload.data_crc32c")
        with self._lock:
            found = self._find(request.parent)
            found.versions.append(data)
            return self._version(request.parent, found, len(found.versions))

    def access(self, request: Any, caller: str) -> Any:
        import google_crc32c

        parent, number = self._split(request.name)
        with self._lock:
            found = self._find(parent)
            index = len(found.versions) if number == "latest" else int(number)
            if not 0 < index <= len(found.versions):
                raise Refused("NOT_FOUND", f"Secret Version [{request.name}] not found.")
            data = found.versions[index - 1]
            if data is None:
                raise Refused(
                    "FAILED_PRECONDITION", f"Secret Version [{parent}/versions/{index}] is in DESTROYED state."
                )
        answer = types.AccessSecretVersionResponse(name=f"{parent}/versions/{index}")
        answer.payload.data, answer.payload.data_crc32c = data, google_crc32c.value(data)
        return types.AccessSecretVersionResponse.pb(answer)

    def versions(self, request: Any, caller: str) -> Any:
        if request.filter not in {"", "state:ENABLED"}:
            raise invalid(f"filter {request.filter!r} is not one that is understood here", "filter")
        with self._lock:
            found = self._find(request.parent)
            numbers = [
                number for number in range(len(found.versions), 0, -1)
                if not request.filter or found.versions[number - 1] is not None
            ]  # fmt: skip
            answer = types.ListSecretVersionsResponse.pb()()
            answer.versions.extend(self._version(request.parent, found, number) for number in numbers)
            return answer

    def destroy(self, request: Any, caller: str) -> Any:
        parent, number = self._split(request.name)
        with self._lock:
            found = self._find(parent)
            if not number.isdecimal() or not 0 < int(number) <= len(found.versions):
                raise Refused("NOT_FOUND", f"Secret Version [{request.name}] not found.")
            if found.versions[int(number) - 1] is None:
                raise Refused("FAILED_PRECONDITION", f"Secret Version [{request.name}] is in DESTROYED state.")
            found.versions[int(number) - 1] = None
            return self._version(parent, found, int(number))

    def list(self, request: Any, caller: str) -> Any:
        wanted: tuple[str, str] | None = None
        if request.filter:
            said = _LABEL_FILTER.fullmatch(request.filter)
            if not said:
                raise invalid(f"filter {request.filter!r} is not one that is understood here", "filter")
            wanted = (said[1], said[2])
        size, start = min(request.page_size or 25_000, 25_000), int(request.page_token or 0)
        with self._lock:
            names = sorted(name for name in self._secrets if name.startswith(f"{request.parent}/secrets/"))
            found = [self._secrets[name].about for name in names]
        fitting = [one for one in found if not wanted or one.labels.get(wanted[0]) == wanted[1]]
        answer = types.ListSecretsResponse.pb()()
        answer.secrets.extend(fitting[start : start + size])
        answer.next_page_token = str(start + size) if start + size < len(fitting) else ""
        return answer

    def delete(self, request: Any, caller: str) -> Any:
        with self._lock:
            self._find(request.name)
            del self._secrets[request.name]
        return {}

    def _find(self, name: str) -> _Secret:
        if name not in self._secrets:
            raise Refused("NOT_FOUND", f"Secret [{name}] not found.")
        return self._secrets[name]

    def _split(self, name: str) -> tuple[str, str]:
        parent, _, number = name.rpartition("/versions/")
        if number != "latest" and not number.isdecimal():
            raise invalid(f"{name} is no name of a secret version", "name")
        return parent, number

    def _version(self, parent: str, found: _Secret, number: int) -> Any:
        state = ENABLED if found.versions[number - 1] is not None else DESTROYED
        return types.SecretVersion.pb(types.SecretVersion(name=f"{parent}/versions/{number}", state=state))
