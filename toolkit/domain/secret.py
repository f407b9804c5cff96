"""What may be a secret: a name of the common grammar, and text of 1 byte to 64 KiB. No message ever holds the value."""

from __future__ import annotations

from toolkit.domain import names
from toolkit.domain.errors import ConfigError

MAX_BYTES = 64 * 1024


def check_name(name: str) -> str:
    """`name` itself: what AWS, Google and Azure all take (Azure takes no underscore)."""
    return names.check("secret", name)


def check_value(name: str, value: str) -> bytes:
    """The value as UTF-8 bytes; ConfigError if it is empty, too long or not text."""
    # Half a surrogate pair is the one thing in a str that is no text; Python's own error about it carries the value.
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ConfigError(f"the value of secret {name!r} is not text")
    data = value.encode("utf-8")
    if not data:
        raise ConfigError(f"the value of secret {name!r} is empty")
    if len(data) > MAX_BYTES:
        raise ConfigError(f"the value of secret {name!r} has {len(data)} bytes; at most {MAX_BYTES} are kept")
    return data
