"""Tokens: the fixed one of whoever deploys, and those of what runs here, by managed identities' endpoint.

A token that was not given out here opens nothing, and one for another audience opens nothing here either. What runs
finds its identity as on Azure: IDENTITY_ENDPOINT and IDENTITY_HEADER, which azure-identity reads.
"""

from __future__ import annotations

import secrets
import threading
import time
from urllib.parse import parse_qsl

from toolkit.adapters.azure.client import AUDIENCES, EMULATED_TOKEN
from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.execution.http_messages import Request, Response, json_response

OPERATOR = "operator@emulated.example"
LIVES = 3600
PATH = "/msi/token"


class Identity:
    def __init__(self, address: str = "") -> None:
        self._address = address
        self._lock = threading.Lock()
        self._headers: dict[str, str] = {}  # a header's secret -> whose it is
        self._tokens: dict[str, tuple[str, str, float]] = {EMULATED_TOKEN: (OPERATOR, "", float("inf"))}

    def caller(self, request: Request, host: str) -> str:
        """Who asks `host`. Refused (401) where that is nobody."""
        audience = next((one for end, one in AUDIENCES.items() if host.endswith(end)), host)
        kind, _, token = request.header("authorization").partition(" ")
        who = self.principal(token, audience) if kind == "Bearer" else ""
        if not who:
            if not token:
                code, why = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            else:
                code, why = "InvalidAuthenticationToken", "The access token is invalid."
            challenge = f'Bearer authorization="https://login.microsoftonline.com/emulated", resource="{audience}"'
            raise Refused(401, code, why, (("www-authenticate", challenge),))
        return who

    def principal(self, token: str, audience: str) -> str:
        """Whose token for `audience` it is, "" where it is none; the operator's is for all."""
        who, granted, until = self._tokens.get(token, ("", "", 0.0))
        good = until > time.time() and granted.rstrip("/") in {"", audience.rstrip("/")}
        return who if good else ""

    def give(self, principal: str, audience: str) -> str:
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = (principal, audience, time.time() + LIVES)
        return token

    def another(self, request: Request) -> Response:
        """For the operator, who is the emulator's own: a token of any principal, for tests that act as one."""
        asked = dict(parse_qsl(request.query))
        if self.caller(request, asked["resource"]) != OPERATOR:
            raise Refused(403, "Forbidden", "Only the operator takes on another identity.")
        return json_response(200, {"access_token": self.give(asked["principal"], asked["resource"])})

    def environment(self, principal: str) -> dict[str, str]:
        """What makes azure-identity find the managed identity `principal`, in what runs as it."""
        with self._lock:
            known = {who: header for header, who in self._headers.items()}
            header = known.get(principal) or secrets.token_urlsafe(24)
            self._headers[header] = principal
        return {"IDENTITY_ENDPOINT": f"{self._address}{PATH}", "IDENTITY_HEADER": header}

    def endpoint(self, request: Request) -> Response:
        """Managed identities' endpoint, as App Service and Container Apps have it."""
        principal = self._headers.get(request.header("x-identity-header"), "")
        query = dict(parse_qsl(request.query))
        if not principal:
            return json_response(401, {"statusCode": 401, "message": "No or a wrong X-IDENTITY-HEADER."})
        if query.get("api-version") != "2019-08-01" or not query.get("resource"):
            return json_response(
                400, {"statusCode": 400, "message": "api-version 2019-08-01 and a resource are needed."}
            )
        resource = query["resource"].removesuffix("/.default")
        answer = {
            "access_token": self.give(principal, resource), "expires_on": str(int(time.time()) + LIVES),
            "resource": resource, "token_type": "Bearer", "client_id": query.get("client_id", principal),
        }  # fmt: skip
        return json_response(200, answer)
