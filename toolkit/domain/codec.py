"""How a record becomes bytes and back, with its format version on it.

Every stored document is `{"kind", "format", "writer", ...fields}` in canonical JSON. Rules for change: a new field has
a default (older documents are read); a change of meaning raises `FORMAT` (a newer document is refused, with the
version to install, instead of being half understood).
"""

# Annotations are values here: msgspec would compile strings one by one when a type is first used, in every start.

from typing import Any, ClassVar, TypeVar

import msgspec

from toolkit import __version__
from toolkit.domain.errors import Corrupt, NewerFormat

# What msgspec raises for bytes that are no such JSON: for a broken field name or deep nesting, Python's own errors.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything stored as a document of its own."""

    KIND: ClassVar[str] = ""
    FORMAT: ClassVar[int] = 1


class _Envelope(msgspec.Struct):
    kind: str
    format: int
    writer: str = ""


R = TypeVar("R", bound=Record)


def to_builtins(record: Record) -> dict[str, Any]:
    """The document as plain dicts and lists, envelope included."""
    body: dict[str, Any] = msgspec.to_builtins(record)
    return {**body, "kind": record.KIND, "format": record.FORMAT, "writer": __version__}


def encode(record: Record) -> bytes:
    return msgspec.json.encode(to_builtins(record), order="deterministic")


def decode(data: bytes, kind: type[R], *, where: str = "") -> R:
    """Raises NewerFormat (which version to install) or Corrupt (not this kind of document); `where` is the key."""
    place = f" at {where}" if where else ""
    try:
        envelope = msgspec.json.decode(data, type=_Envelope)
        if envelope.kind == kind.KIND and envelope.format > kind.FORMAT:
            raise NewerFormat(
                f"{kind.KIND} record{place} has format {envelope.format}; this version reads up to {kind.FORMAT}",
                hint=f"pip install 'driftloop>={envelope.writer}'",
            )
        if envelope.kind != kind.KIND:
            raise Corrupt(f"expected a {kind.KIND} record{place}, found {envelope.kind!r}")
        return msgspec.json.decode(data, type=kind)
    except UNREADABLE as error:
        raise Corrupt(f"not a readable {kind.KIND} record{place}: {error}", hint="toolkit audit verify") from error
