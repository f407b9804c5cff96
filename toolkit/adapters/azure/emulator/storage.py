"""The storage account: Azurite behind the token that Azure wants.

Azurite takes tokens over TLS only. Here a token given out for storage is checked, and the request goes on with a shared
access signature of Azurite's own account, which nobody else ever sees. Azurite knows no role assignments: what the
caller may is asked here (`rbac_guard`), and a blob that may only be created is written where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote
from uuid import uuid4

from toolkit.adapters.azure.emulator.azurite import Azurite
from toolkit.adapters.azure.emulator.identity import Identity
from toolkit.adapters.azure.emulator.rbac_guard import CREATE, MISMATCH, Guard
from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.execution.http_forward import Forward
from toolkit.execution.http_messages import Headers, Request, Response

_HOP = {"connection", "transfer-encoding", "keep-alive", "content-length"}
Written = Callable[[str, str, str, str, int], None]
VERSION = "2023-11-03"
HOST = "account.blob.core.windows.net"


class Storage:
    """`written(account, container, blob, etag, bytes)` is told of every blob that is; `guard` says who may what."""

    def __init__(
        self, account: str, identity: Identity, environment: dict[str, str], written: Written, guard: Guard
    ) -> None:
        self._account, self._identity, self._written, self._guard = account, identity, written, guard
        self._azurite = Azurite(account, environment)
        self._signature = _signature(account, self._azurite.key)
        self._azurites = Forward(self._azurite.port)

    def __call__(self, request: Request) -> Response:
        try:
            caller = self._identity.caller(request, HOST)
        except Refused as refused:
            return _error(refused.status, "NoAuthenticationInformation", refused.message)
        if not request.header("x-ms-version"):
            return _error(
                400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not there."
            )
        allowed = self._guard.blob(request, caller, self._account)
        if not allowed or (allowed == CREATE and request.header("if-match")):  # what matches is there
            return _error(*MISMATCH)
        if allowed == CREATE:
            request = replace(request, headers=(*_without(request, "if-none-match"), ("if-none-match", "*")))
        reply = self._forward(request)
        if allowed == CREATE and reply.status in {409, 412}:
            return _error(*MISMATCH)  # it is there, so it would be replaced; the request's own condition comes after
        if request.method == "PUT" and reply.status == 201:
            self._tell(request, reply)
        return reply

    def _tell(self, request: Request, reply: Response) -> None:
        what = dict(parse_qsl(request.query)).get("comp", "")
        container, _, name = request.path.removeprefix(f"/{self._account}/").partition("/")
        if name and (what == "blocklist" or (not what and request.header("x-ms-blob-type"))):
            etag = next((value for key, value in reply.headers if key.lower() == "etag"), "")
            self._written(self._account, container, unquote(name), etag, len(request.body))

    def make(self, container: str) -> None:
        """A container, as a control plane makes it."""
        self._forward(Request("PUT", f"/{self._account}/{container}?restype=container", (("x-ms-version", VERSION),)))

    def close(self) -> None:
        self._azurite.close()

    def _forward(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers if name not in _HOP | {"authorization"}}
        target = f"{request.target}{'&' if request.query else '?'}{self._signature}"
        if request.method in {"PUT", "POST", "PATCH"}:
            headers["content-length"] = str(len(request.body))
        reply = self._azurites(replace(request, target=target, headers=tuple(headers.items())))
        kept = tuple((name, value) for name, value in reply.headers if name.lower() not in _HOP)
        if request.method == "HEAD":  # how long it would be is what is asked
            length = next((value for name, value in reply.headers if name.lower() == "content-length"), "0")
            kept += (("content-length", length),)
        return replace(reply, headers=kept)


def _signature(account: str, key: str) -> str:
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    return str(
        generate_account_sas(
            account,
            key,
            resource_types=ResourceTypes(service=True, container=True, object=True),
            permission=AccountSasPermissions(
                read=True, write=True, delete=True, list=True, add=True, create=True, update=True, tag=True
            ),
            expiry=datetime.now(UTC) + timedelta(days=365),
        )
    )


def _without(request: Request, name: str) -> Headers:
    return tuple(pair for pair in request.headers if pair[0] != name)


def _error(status: int, code: str, message: str) -> Response:
    """As storage refuses: XML, and the code in a header."""
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    told = (("content-type", "application/xml"), ("x-ms-error-code", code), ("x-ms-request-id", str(uuid4())))
    return Response(status, told, body.encode())
