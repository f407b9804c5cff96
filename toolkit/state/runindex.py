"""Runs that have ended, as columns: what makes a search of thousands a handful of requests.

A part holds runs by column, each column as its distinct values and one small number a run, so that digests, names and
parameters that repeat are stored, sent and held in memory once. Parts are immutable and named by their digest; the
index document names the parts and is replaced by compare-and-swap. All of it is a cache: `Runs.reindex` makes it anew.

msgpack and zlib rather than Parquet: ten thousand runs load in tens of milliseconds with nothing to import.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from toolkit.domain import codec, digest, times
from toolkit.domain.errors import ConfigError, Corrupt, NewerFormat, NotFound
from toolkit.domain.records import RunEnd, RunSpec, RunStatus
from toolkit.ports.store import Object, Store
from toolkit.state import commit, keys
from toolkit.state.patience import patiently

FORMAT = 1
PART_RUNS = 10_000


class PartName(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    runs: int


class Index(codec.Record, frozen=True, kw_only=True):
    """`nonce` makes every version of it different bytes."""

    KIND: ClassVar[str] = "run-index"

    revision: int = 0
    nonce: str = ""
    parts: tuple[PartName, ...] = ()


class _Column(msgspec.Struct, array_like=True):
    values: list[Any]  # the first stands for "no such field" and is None
    codes: bytes  # unsigned 32-bit little-endian, one a run: index into values


class _Document(msgspec.Struct):
    kind: str
    format: int
    runs: int
    columns: dict[str, _Column]


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stands; `end` is None until it has ended."""

    spec: RunSpec
    status: RunStatus
    end: RunEnd | None = None

    @property
    def id(self) -> str:
        return self.spec.run_id

    @property
    def metrics(self) -> dict[str, float]:
        """The final ones."""
        return self.end.metrics if self.end else {}


class Column:
    """One field of every run of a part. `column[row]` is the value, or None where the run has no such field."""

    __slots__ = ("codes", "values")

    def __init__(self, values: list[Any], codes: array[int]) -> None:
        self.values = values
        self.codes = codes

    def __getitem__(self, row: int) -> Any:
        return self.values[self.codes[row]]


class Part:
    """Columns are "spec.<field>" and "end.<field>", and one for each metric and parameter: "metrics.auc"."""

    def __init__(self, runs: int, columns: dict[str, Column]) -> None:
        self.runs = runs
        self.columns = columns

    def column(self, name: str) -> Column:
        return self.columns.get(name) or Column([None], array("I", bytes(4 * self.runs)))

    def view(self, row: int) -> RunView:
        groups: dict[str, dict[str, Any]] = {"spec": {}, "end": {}, "metrics": {}, "params": {}}
        for name, column in self.columns.items():
            if column.codes[row]:
                group, _, field = name.partition(".")
                groups[group][field] = column[row]
        run_id = groups["spec"]["run_id"]
        spec = msgspec.convert({**groups["spec"], "params": groups["params"]}, RunSpec)
        end = msgspec.convert({**groups["end"], "run_id": run_id, "metrics": groups["metrics"]}, RunEnd)
        return RunView(spec=spec, status=end.status, end=end)


def column_name(field: str) -> str:
    """What a person calls a field, as a column: "id", "model", "status", "metrics.auc"; ConfigError for no field."""
    if field.startswith(("metrics.", "params.")):
        return field
    if field == "id":
        return "spec.run_id"
    for group, record in (("spec", RunSpec), ("end", RunEnd)):
        if field in record.__struct_fields__:
            return f"{group}.{field}"
    raise ConfigError(
        f"runs have no field {field!r}", hint="use id, model, status, created, metrics.<name>, params.<name> ..."
    )


def flat(spec: RunSpec, end: RunEnd | None) -> dict[str, Any]:
    """A run's fields by column name."""
    found = {f"spec.{name}": value for name, value in msgspec.to_builtins(spec).items() if name != "params"}
    found |= {f"params.{name}": value for name, value in spec.params.items()}
    if end is not None:
        fields = msgspec.to_builtins(end)
        found |= {f"end.{name}": value for name, value in fields.items() if name not in {"run_id", "metrics"}}
        found |= {f"metrics.{name}": value for name, value in end.metrics.items()}
    return found


def columns_of(rows: Sequence[dict[str, Any]]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    seen: dict[str, dict[bytes, int]] = {}
    encoder = msgspec.msgpack.Encoder()
    for row, fields in enumerate(rows):
        for name, value in fields.items():
            if name not in found:
                found[name] = Column([None], array("I", bytes(4 * len(rows))))
                seen[name] = {}
            # Keyed by its bytes: 1, 1.0 and True are equal in a dict and must not become one value.
            token = encoder.encode(value)
            code = seen[name].get(token)
            if code is None:
                code = seen[name][token] = len(found[name].values)
                found[name].values.append(value)
            found[name].codes[row] = code
    return found


def encode(part: Part) -> bytes:
    columns = {name: _Column(column.values, _bytes(column.codes)) for name, column in part.columns.items()}
    document = _Document(kind="run-part", format=FORMAT, runs=part.runs, columns=columns)
    return zlib.compress(msgspec.msgpack.encode(document), 1)


def decode(data: bytes) -> Part:
    """Corrupt, NewerFormat."""
    try:
        document = msgspec.msgpack.decode(zlib.decompress(data), type=_Document)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise Corrupt(f"not a readable part of the run index: {error}", hint="toolkit runs reindex") from error
    if document.format > FORMAT:
        raise NewerFormat(f"the run index has format {document.format}; this version reads up to {FORMAT}")
    return Part(
        document.runs, {name: Column(column.values, _array(column.codes)) for name, column in document.columns.items()}
    )


class RunIndex:
    """Reads the parts that the index names, each once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._parts: dict[str, Part] = {}

    def read(self) -> tuple[Object | None, Index]:
        """The stored object (to swap over) and what it says; an empty index where there is none. Corrupt."""
        try:
            found = patiently(lambda: self._store.get(keys.RUN_INDEX))
        except NotFound:
            return None, Index()
        return found, codec.decode(found.data, Index, where=keys.RUN_INDEX)

    def parts(self, index: Index) -> list[Part]:
        """NotFound: a part was replaced meanwhile, read the index again. Corrupt."""
        for name in index.parts:
            if name.digest not in self._parts:
                data = patiently(lambda name=name: self._store.get(keys.run_part(name.digest))).data  # type: ignore[misc]
                if digest.of_bytes(data) != name.digest:
                    raise Corrupt(f"part {name.digest[:12]} of the run index was changed", hint="toolkit runs reindex")
                self._parts[name.digest] = decode(data)
        self._parts = {name.digest: self._parts[name.digest] for name in index.parts}
        return list(self._parts.values())

    def write_part(self, runs: Sequence[RunView]) -> PartName:
        data = encode(Part(len(runs), columns_of([flat(run.spec, run.end) for run in runs])))
        name = PartName(digest=digest.of_bytes(data), runs=len(runs))
        # Overwritten, though it can only be the same bytes: `sweep` spares what was written lately.
        patiently(lambda: self._store.put(keys.run_part(name.digest), data))
        return name

    def sweep(self) -> None:
        """Delete parts that the index does not name and that are a day older than the newest, by the store's own
        clock (readers and other compactors may be about to use younger ones)."""
        _, index = self.read()
        named = {keys.run_part(part.digest) for part in index.parts}
        parts = list(self._store.list(keys.RUN_PARTS))
        newest = max((times.parse(meta.modified) for meta in parts), default=None)
        for meta in parts:
            if meta.key not in named and newest and newest - times.parse(meta.modified) > timedelta(days=1):
                self._store.delete(meta.key)

    def swap(self, index: Index, seen: Object | None) -> bool:
        """Whether `index` is in force now. CommitUnknown."""
        data = codec.encode(index)
        return commit.swap(self._store, keys.RUN_INDEX, data, seen).data == data


def _bytes(codes: array[int]) -> bytes:
    if sys.byteorder == "big":
        codes = array("I", codes)
        codes.byteswap()
    return codes.tobytes()


def _array(data: bytes) -> array[int]:
    codes = array("I")
    codes.frombytes(data)
    if sys.byteorder == "big":
        codes.byteswap()
    return codes
