"""SHA-256, one spelling of it: 64 lower-case hexadecimal digits, no prefix.

A dataset, a bundle, a code package and a model are named by the digest of what they hold, so that equal content has
an equal name on every provider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

CHUNK = 1 << 20


def of_bytes(data: bytes | memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_chunks(chunks: Iterable[bytes]) -> str:
    state = hashlib.sha256()
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes. Takes builtins and msgspec Structs."""
    return msgspec.json.encode(value, order="sorted")


def of_value(value: Any) -> str:
    """Digest of a value's canonical JSON."""
    return of_bytes(canonical(value))
