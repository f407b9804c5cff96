"""Dataset versions: one create-only document each, and a journal that says which came when.

The document is written first, so a version that the journal names can always be read.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from toolkit.domain import codec, times
from toolkit.domain.errors import NotFound
from toolkit.domain.records import Dataset
from toolkit.ports.store import Store
from toolkit.state import commit, keys
from toolkit.state.journal import Entry, Journal
from toolkit.state.patience import patiently


class DatasetsState(msgspec.Struct, frozen=True):
    """Versions in the order in which each became the latest; `entry` made the last one so."""

    versions: tuple[str, ...] = ()
    entry: int = 0


class DatasetsFold:
    name = "datasets-1"
    type: Any = DatasetsState

    def empty(self) -> DatasetsState:
        return DatasetsState()

    def apply(self, state: DatasetsState, entry: Entry) -> DatasetsState:
        if entry.body.get("do") != "save":
            return state
        return DatasetsState((*state.versions, entry.body["version"]), entry.index)


class Datasets:
    def __init__(self, store: Store) -> None:
        self._store = store

    def save(self, dataset: Dataset, *, actor: str = "") -> Dataset:
        """Make it the latest version of its name. The record as stored: that of the first save of this version, so
        saving the same data again changes nothing."""
        key = keys.dataset(dataset.name, dataset.version)
        found = commit.create(self._store, key, codec.encode(dataset))
        journal = self._journal(dataset.name)

        def decide(state: DatasetsState) -> dict[str, Any] | Entry:
            if state.versions and state.versions[-1] == dataset.version:
                return journal.entry(state.entry)
            return {"do": "save", "version": dataset.version, "rows": dataset.rows, "source": dataset.source}

        journal.append(uuid.uuid4().hex, decide, actor=actor, time=dataset.created or times.now())
        return codec.decode(found.data, Dataset, where=key)

    def get(self, name: str, version: str) -> Dataset:
        """NotFound."""
        key = keys.dataset(name, version)
        try:
            data = patiently(lambda: self._store.get(key)).data
        except NotFound as error:
            raise NotFound(f"dataset {name} has no version {version}", hint="toolkit data ls") from error
        return codec.decode(data, Dataset, where=key)

    def latest(self, name: str) -> Dataset:
        """NotFound."""
        versions = self._journal(name).state().versions
        if not versions:
            raise NotFound(f"there is no dataset {name}", hint="toolkit data ingest")
        return self.get(name, versions[-1])

    def list(self, name: str) -> tuple[Dataset, ...]:
        """Every version, the latest first."""
        newest_first = dict.fromkeys(reversed(self._journal(name).state().versions))
        return tuple(self.get(name, version) for version in newest_first)

    def _journal(self, name: str) -> Journal[DatasetsState]:
        return Journal(self._store, keys.datasets(name), DatasetsFold())
