"""Between the store's words and Blob Storage's: conditions, content types, and what a reply tells of a blob."""

from __future__ import annotations

import base64
from email.utils import parsedate_to_datetime
from typing import Any

from toolkit.adapters.azure.blob_service import whole
from toolkit.domain import times
from toolkit.ports.store import Create, Match, Meta, Mode


def condition(mode: Mode) -> dict[str, Any]:
    """As the SDK takes it."""
    from azure.core import MatchConditions

    if isinstance(mode, Match):
        return {"etag": f'"{mode.etag}"', "match_condition": MatchConditions.IfNotModified}
    if isinstance(mode, Create):
        return {"match_condition": MatchConditions.IfMissing}
    return {}


def content_type(key: str) -> str:
    """A page is opened by a browser, not downloaded."""
    return "text/html; charset=utf-8" if key.endswith(".html") else "application/octet-stream"


def settings(key: str) -> Any:
    from azure.storage.blob import ContentSettings

    return ContentSettings(content_type=content_type(key))


def blocks(ids: list[str]) -> list[Any]:
    from azure.storage.blob import BlobBlock

    return [BlobBlock(one) for one in ids]


def digest(found: Any) -> str:
    """An MD5 as headers have it; "" where Azure has none."""
    return base64.b64encode(bytes(found)).decode() if found else ""


def written(key: str, size: int, reply: Any) -> Meta:
    """Of the SDK's answer to a write."""
    etag, modified = whole(reply.get("etag"), reply.get("last_modified"))
    return Meta(key=key, size=size, etag=_plain(etag), modified=times.text(modified))


def seen(key: str, reply: Any) -> Meta:
    """Of the headers of a read."""
    size, etag, modified = whole(*(reply.headers.get(name) for name in ("Content-Length", "ETag", "Last-Modified")))
    return Meta(key=key, size=int(size), etag=_plain(etag), modified=times.text(parsedate_to_datetime(modified)))


def meta(key: str, blob: Any) -> Meta:
    """Of the SDK's properties of a blob."""
    size, etag, modified = whole(blob.size, blob.etag, blob.last_modified)
    return Meta(key=key, size=size, etag=_plain(etag), modified=times.text(modified))


def _plain(etag: str) -> str:
    """A listing has it without the quotes that headers put around it."""
    return etag.strip('"')
