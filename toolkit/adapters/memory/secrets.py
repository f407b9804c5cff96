"""Secrets in a dictionary."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from toolkit.domain import secret
from toolkit.domain.errors import NotFound
from toolkit.ports import Settings

_WORLDS: dict[str, dict[str, str]] = {}
_REGISTRY = threading.Lock()


def open_secrets(settings: Settings) -> MemorySecrets:
    return MemorySecrets(str(settings.get("name", "default")))


def forget(name: str) -> None:
    with _REGISTRY:
        _WORLDS.pop(name, None)


class MemorySecrets:
    def __init__(self, name: str) -> None:
        with _REGISTRY:
            self._values = _WORLDS.setdefault(name, {})

    def get(self, name: str) -> str:
        try:
            return self._values[secret.check_name(name)]
        except KeyError:
            raise NotFound(f"no secret {name!r} in this process", hint=f"toolkit secrets set {name}") from None

    def put(self, name: str, value: str) -> None:
        self._values[secret.check_name(name)] = secret.check_value(name, value).decode()

    def list(self) -> Iterator[str]:
        yield from sorted(self._values)

    def delete(self, name: str) -> None:
        self._values.pop(secret.check_name(name), None)
