"""Fields that the tables of several providers have alike: a folder in the bucket, and the address of a server."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from toolkit.domain import names
from toolkit.domain.errors import ConfigError

MAX_PREFIX = 100  # of the 1,024 bytes or characters that stores give a key; ours have up to 900
_URL = re.compile(r"https?://[^\s/?#@]+/?")


def _a_prefix(value: str) -> str:
    plain = value.strip("/")
    if len(plain) > MAX_PREFIX:
        raise ValueError(f"the prefix has {len(plain)} characters; at most {MAX_PREFIX} leave room for keys")
    try:
        return names.check_key(plain) if plain else ""
    except ConfigError as error:
        raise ValueError(error.message) from error


def _a_url(value: str) -> str:
    if value and not _URL.fullmatch(value):
        raise ValueError(f"{value!r} is not http(s)://host:port")
    return value.rstrip("/")


Prefix = Annotated[str, AfterValidator(_a_prefix)]
Url = Annotated[str, AfterValidator(_a_url)]
