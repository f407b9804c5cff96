"""Call a function when objects come into the store. Offered by the provider of the store, where it can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from toolkit.domain.newdata import WatchSpec


class Watches(Protocol):
    def put(self, spec: WatchSpec) -> None:
        """Create or replace. Each write under the prefix calls the function at least once, in no promised order, with
        an event that the provider's `events` reads. Watches of others on the same bucket stay. NotFound (function)."""
        ...

    def list(self) -> Iterator[WatchSpec]:
        """Those of this target, by name."""
        ...

    def delete(self, name: str) -> None:
        """Deleting what is not there is no error."""
        ...
