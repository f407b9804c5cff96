"""Tokens: the fixed one of whoever deploys, those of what runs here (by the metadata server), and ID tokens.

A token that was not given out here opens nothing. ID tokens are JWTs signed with a key of this process: Cloud Run's
front checks signature, audience and time as the real one does with Google's keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from typing import Any

from toolkit.adapters.gcp.client import EMULATED_TOKEN
from toolkit.adapters.gcp.emulator.refused import Refused
from toolkit.execution.http_messages import Request, Response, json_response
from toolkit.execution.http_server import HttpServer

OPERATOR = "operator@emulated-project.iam.gserviceaccount.com"
LIVES = 3600
METADATA = "/computeMetadata/v1/"


class Identity:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self.inside = secrets.token_hex(16)  # what Google's own services come with
        self._servers: dict[str, HttpServer] = {}  # a metadata server for every account, as every instance sees its own
        self._lock = threading.Lock()
        self._tokens: dict[str, tuple[str, float]] = {EMULATED_TOKEN: (OPERATOR, float("inf"))}

    def caller(self, request: Request) -> str:
        """The account behind an access token. Refused where there is none."""
        kind, _, token = request.header("authorization").partition(" ")
        account, until = self._tokens.get(token, ("", 0.0))
        if kind != "Bearer" or not account or until < time.time():
            why = (
                "is missing required authentication credential"
                if not token
                else "had invalid authentication credentials"
            )
            raise Refused("UNAUTHENTICATED", f"Request {why}. Expected OAuth 2 access token.")
        return account

    def environment(self, account: str) -> dict[str, str]:
        """What makes google-auth find the account's metadata server."""
        with self._lock:
            if account not in self._servers:
                self._servers[account] = HttpServer(0, lambda request: self.metadata(request, account))
                self._servers[account].start()
        host = f"127.0.0.1:{self._servers[account].port}"
        # Neither the wait for a machine of Google's own nor what the user of this one has logged in as.
        return {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "CLOUDSDK_CONFIG": "/nonexistent"}

    def generate(self, request: Any, caller: str) -> Any:
        """IAM Credentials: an ID token of an account, for the project's own people."""
        from google.cloud.iam_credentials_v1 import types

        account = request.name.rpartition("/")[2]
        if caller != OPERATOR:
            raise Refused("PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getOpenIdToken' denied on resource.")
        return types.GenerateIdTokenResponse.pb()(token=self.identify(account, request.audience))

    def access(self, account: str) -> str:
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (account, time.time() + LIVES)
        return token

    def identify(self, account: str, audience: str) -> str:
        """An ID token of `account` for `audience`."""
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com", "aud": audience, "email": account, "email_verified": True,
            "iat": now, "exp": now + LIVES, "sub": account,
        }  # fmt: skip
        signed = f"{_text({'alg': 'HS256', 'typ': 'JWT'})}.{_text(claims)}"
        return f"{signed}.{self._sign(signed)}"

    def account(self, token: str, audiences: frozenset[str]) -> str:
        """The account of an ID token that is good for one of `audiences`, "" for any other."""
        signed, _, signature = token.rpartition(".")
        if not signed or not hmac.compare_digest(self._sign(signed), signature):
            return ""
        claims = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
        good = claims["aud"].rstrip("/") in audiences and claims["exp"] > time.time()
        return str(claims["email"]) if good else ""

    def metadata(self, request: Request, account: str) -> Response:
        """The metadata server, as `account`'s instance sees it."""
        flavor = ("Metadata-Flavor", "Google")
        if request.header("metadata-flavor") != "Google":
            return Response(403, (flavor,), b"Missing required header: Metadata-Flavor")
        text = ("content-type", "application/text")
        path, query = request.path.removeprefix(METADATA), _query(request)
        own = f"instance/service-accounts/{account}/"
        path = path.replace("instance/service-accounts/default/", own)
        if path == f"{own}token":
            token = {"access_token": self.access(account), "expires_in": LIVES, "token_type": "Bearer"}
            return json_response(200, token, flavor)
        if path == f"{own}identity" and query.get("audience"):
            return Response(
                200, (flavor, ("content-type", "text/html")), self.identify(account, query["audience"]).encode()
            )
        if path in {own, own.rstrip("/")}:
            found = {
                "email": account,
                "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
                "aliases": ["default"],
            }
            return json_response(200, found, flavor)
        if path == f"{own}email":
            return Response(200, (flavor, text), account.encode())
        if path == "project/project-id":
            return Response(200, (flavor, text), account.partition("@")[2].partition(".")[0].encode())
        if path in {"", "/", "instance/"}:
            return Response(200, (flavor, text), b"instance/\nproject/\n")
        return Response(404, (flavor,), b"")

    def _sign(self, text: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._key, text.encode(), hashlib.sha256)).decode().rstrip("=")


def _text(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _query(request: Request) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(request.query))
