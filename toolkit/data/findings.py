"""What was noticed about a table, in words for people."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` is a stable word (duplicates, id, constant, gives-label-away, ...); `column` is "" for the whole table."""

    kind: str
    column: str = ""
    text: str
