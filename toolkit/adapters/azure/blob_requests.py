"""Requests that the blob SDK makes several of, or reads into memory first: one each, of azure-core's pipeline."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from toolkit.adapters.azure import transfer
from toolkit.adapters.azure.blob_service import AUDIENCE, url_of
from toolkit.adapters.azure.blob_words import content_type
from toolkit.adapters.azure.client import pipeline
from toolkit.adapters.azure.errors import Refusal

VERSION = "2025-11-05"  # of the API


class Requests:
    """Of one container; a `name` is a blob's whole name. `seconds` is how long an answer is waited for."""

    def __init__(self, account: str, container: str, endpoint: str, seconds: float) -> None:
        self._url = f"{url_of(account, endpoint)}/{container}/"
        self._pipeline = pipeline(endpoint, AUDIENCE)
        self._seconds = seconds

    def get(self, name: str, *, start: int = 0, end: int = -1, etag: str = "") -> Any:
        """The reply of a GET whose body is still to be read. Raises Refusal."""
        headers = {"Accept-Encoding": "identity"}  # as it was stored
        if start or end >= 0:
            headers["x-ms-range"] = f"bytes={start}-{end if end >= 0 else ''}"
        if etag:
            headers["If-Match"] = etag
        reply = self._send("GET", name, headers, stream=True)
        if reply.status_code >= 400:
            code = reply.headers.get("x-ms-error-code", "")
            text = reply.read().decode("utf-8", "replace")
            reply.close()
            raise Refusal(reply.status_code, code or _code(text), "" if code else text[:300])
        return reply

    def create(self, name: str, source: transfer.Source, metadata: dict[str, str]) -> dict[str, Any]:
        """Create the blob by one request, however large it is. Raises Refusal."""
        headers = {
            "x-ms-blob-type": "BlockBlob", "If-None-Match": "*", "Content-Type": "application/octet-stream",
            "x-ms-blob-content-type": content_type(name), "Content-MD5": source.md5(),
            **{f"x-ms-meta-{key}": value for key, value in metadata.items()},
        }  # fmt: skip
        reply = self._send("PUT", name, headers, content=transfer.Whole(source))
        if reply.status_code >= 400:
            raise Refusal(reply.status_code, reply.headers.get("x-ms-error-code", "") or _code(reply.text()), "")
        modified = reply.headers.get("Last-Modified")
        return {
            "etag": reply.headers.get("ETag"),
            "last_modified": parsedate_to_datetime(modified) if modified else None,
        }

    def _send(
        self, method: str, name: str, headers: dict[str, str], *, content: Any = None, stream: bool = False
    ) -> Any:
        from azure.core.rest import HttpRequest

        headers = {"x-ms-version": VERSION, **headers}
        request = HttpRequest(method, self._url + quote(name), headers=headers, content=content)
        return self._pipeline.send_request(request, stream=stream, read_timeout=self._seconds)


def _code(text: str) -> str:
    """From a body of XML."""
    return text.partition("<Code>")[2].partition("</Code>")[0]
