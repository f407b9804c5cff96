"""The clients of a storage account: the SDK's, which retries nothing, and what a whole reply has to say."""

from __future__ import annotations

from functools import cache
from typing import Any

from toolkit.adapters.azure.client import AUDIENCES, LOOPBACK, credential, token, transport

DOMAIN = "blob.core.windows.net"
AUDIENCE = AUDIENCES[DOMAIN]


@cache
def service(account: str, endpoint: str = "", seconds: float = 60.0) -> Any:
    """The client of a storage account; it retries nothing. `seconds` is how long an answer is waited for."""
    from azure.storage.blob import BlobServiceClient

    more: dict[str, Any] = {"retry_total": 0, "read_timeout": seconds, "raw_response_hook": _require_whole}
    if endpoint.startswith(LOOPBACK):
        # The SDK sends no token without TLS, which a server of this machine has not: what sends puts it on.
        return BlobServiceClient(
            url_of(account, endpoint), credential=None, transport=_Tokened(endpoint, seconds), **more
        )
    return BlobServiceClient(url_of(account, endpoint), credential=credential(), **more)


class _Tokened:
    """A transport of azure-core that sends the caller's token, and waits so long: a client that is given its transport
    does not tell it."""

    def __init__(self, endpoint: str, seconds: float) -> None:
        self._endpoint, self._seconds = endpoint, seconds
        self._beneath = transport(endpoint)

    def send(self, request: Any, **options: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token(self._endpoint, AUDIENCE)}"
        return self._beneath.send(request, **{"read_timeout": self._seconds, **options})

    def __enter__(self) -> Any:
        return self._beneath.__enter__()

    def __exit__(self, *_: object) -> None:
        self._beneath.__exit__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beneath, name)


def url_of(account: str, endpoint: str) -> str:
    return f"{endpoint}/{account}" if endpoint else f"https://{account}.{DOMAIN}"


def _require_whole(answer: Any) -> None:
    """Of the SDK's requests."""
    reply = answer.http_response
    if reply.status_code < 400:
        whole(reply.headers.get("x-ms-request-id"), reply.headers.get("x-ms-version"))


def whole(*told: Any) -> tuple[Any, ...]:
    """What a reply has to say. A reply that broke off in its headers lacks some of it: Python's HTTP client takes it
    for whole."""
    from azure.core.exceptions import ServiceResponseError

    if None in told:
        raise ServiceResponseError("the reply broke off in its headers")
    return told
