"""Secrets by name. Values never appear in a plan, a log, an error or a repr."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Secrets(Protocol):
    def get(self, name: str) -> str:
        """NotFound (the message names the secret, never its value)."""
        ...

    def put(self, name: str, value: str) -> None:
        """Create or replace. ConfigError for an empty value or one over 64 KiB."""
        ...

    def list(self) -> Iterator[str]:
        """Names only, in order."""
        ...

    def delete(self, name: str) -> None:
        """Deleting what is not there is no error."""
        ...
