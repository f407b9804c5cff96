"""Versions of a function whose platform knows only what serves: a record of each in the store.

A record is made with the condition that it is not there yet, so of two who publish at once one gets the number. The
package of a version is made anew from its bundle when traffic goes there: bundles do not change.
"""

from __future__ import annotations

from typing import Any

import msgspec

from toolkit.adapters.azure.store import open_store
from toolkit.domain import digest
from toolkit.domain.errors import AlreadyExists
from toolkit.domain.specs import FunctionSpec
from toolkit.ports import Settings
from toolkit.ports.store import CREATE

FOLDER = "azure-functions"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`configuration` is the digest of the spec's; a `removed` one keeps its number from being given again."""

    configuration: str
    spec: FunctionSpec
    removed: bool = False


class Versions:
    def __init__(self, settings: Settings) -> None:
        self._store = open_store(settings)

    def of(self, function: str) -> dict[str, Record]:
        """Number -> record of those that are not removed, oldest first."""
        return {number: record for number, record in self._all(function).items() if not record.removed}

    def make(self, spec: FunctionSpec) -> str:
        """The number of this configuration: the one that it has, or a new one."""
        wanted = digest.of_value(dict(spec.configuration()))
        while True:
            found = self._all(spec.name)
            for number, record in found.items():
                if record.configuration == wanted and not record.removed:
                    return number
            number = str(max(map(int, found), default=0) + 1)
            data = msgspec.json.encode(Record(configuration=wanted, spec=spec))
            try:
                self._store.put(_key(spec.name, number), data, CREATE)
            except AlreadyExists:
                continue  # somebody else took the number
            return number

    def remove(self, function: str, number: str) -> None:
        if record := self.of(function).get(number):
            self._store.put(_key(function, number), msgspec.json.encode(msgspec.structs.replace(record, removed=True)))

    def forget(self, function: str) -> None:
        for meta in list(self._store.list(f"{FOLDER}/{function}/")):
            self._store.delete(meta.key)

    def bundle(self, record: Record, path: Any) -> None:
        self._store.download(record.spec.bundle_key, path)

    def require_bundle(self, spec: FunctionSpec) -> None:
        self._store.head(spec.bundle_key)

    def _all(self, function: str) -> dict[str, Record]:
        keys = [meta.key for meta in self._store.list(f"{FOLDER}/{function}/")]
        numbers = sorted((key.rpartition("/")[2].removesuffix(".json") for key in keys), key=int)
        read = {number: self._store.get(_key(function, number)).data for number in numbers}
        return {number: msgspec.json.decode(data, type=Record) for number, data in read.items()}


def _key(function: str, number: str) -> str:
    return f"{FOLDER}/{function}/{number}.json"
