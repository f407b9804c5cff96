"""Names are checked once, against a strict grammar, before they become object keys or resource names.

`resource` is the only way a cloud resource gets its name: `{project}-{target}-{role}`, and where a provider's limit is
shorter, a cut with six base32 characters of the full name's hash, so that two long names never fall together.
"""

from __future__ import annotations

import base64
import hashlib
import re

from toolkit.domain.errors import ConfigError

# Patterns as text, here and beside: they are compiled by the first use and not by the start of every function.
_NAME = r"[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?"
_RESOURCE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_KEY_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._=@+-]{0,199}"
MAX_KEY = 900  # S3, GCS and Azure all allow 1,024 bytes; a prefix needs room


def check(kind: str, name: str) -> str:
    """`name` itself, if it is 1-40 characters of a-z, 0-9 and inner hyphens, starting with a letter."""
    if not re.fullmatch(_NAME, name) or "--" in name:
        hint = f"try {suggest(name)!r}"
        raise ConfigError(
            f"{kind} name {name!r}: use 1-40 of a-z, 0-9 and single inner hyphens, a letter first", hint=hint
        )
    return name


def check_resource(kind: str, name: str) -> str:
    """`name` itself, if every provider takes it as the name of a job, schedule or function (see `resource`)."""
    if not re.fullmatch(_RESOURCE, name):
        raise ConfigError(
            f"{kind} name {name!r}: use 1-63 of a-z, 0-9 and inner hyphens", hint=f"try {suggest(name)!r}"
        )
    return name


def suggest(name: str) -> str:
    """The nearest valid name to any text: 'My Model 2' -> 'my-model-2'."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-").lstrip("0123456789-")
    return plain[:40].strip("-") or "model"


def check_key(key: str) -> str:
    """An object key: segments of safe characters joined by '/', no empty, '.' or '..' segment, no leading slash."""
    if len(key) > MAX_KEY or not key or any(not re.fullmatch(_KEY_SEGMENT, part) for part in key.split("/")):
        raise ConfigError(f"object key {key!r} is not valid: segments of letters, digits and ._=@+- joined by '/'")
    return key


def stem(project: str, target: str) -> str:
    """What the names of all that belongs to a target begin with: at most 32 characters, so that it survives a cut."""
    return resource(project, target, limit=32)


def resource(*parts: str, limit: int = 63) -> str:
    """Parts joined by '-', at most `limit` characters, still unique when cut."""
    full = "-".join(parts)
    if len(full) <= limit:
        return full
    tail = base64.b32encode(hashlib.sha256(full.encode()).digest())[:6].decode().lower()
    return f"{full[: limit - 7].rstrip('-')}-{tail}"
