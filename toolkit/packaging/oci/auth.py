"""How a registry is told who asks: Basic, or a bearer token from the realm that its 401 names.

Tokens are kept by what they are for and fetched anew after the next 401. A login is only sent to a realm that is as
safe as the registry itself.
"""

from __future__ import annotations

import base64
import re
import threading
from typing import Any
from urllib.parse import urlsplit

from toolkit.domain.errors import Unauthenticated, Unavailable
from toolkit.ports.registry import Login

_PARAMETER = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
CLIENT = "driftloop"


class Authority:
    """The headers of one registry's requests. `login()` gives who we are there, asked at the first 401."""

    def __init__(self, host: str, login: Any, http: Any) -> None:
        self._host, self._ask, self._http = host, login, http
        self._known: dict[str, str] = {}
        self._basic = ""
        self._turn = threading.Lock()

    def header(self, scope: str) -> dict[str, str]:
        found = self._known.get(scope) or self._basic
        return {"Authorization": found} if found else {}

    def answer(self, challenges: list[str], scope: str, used: str) -> bool:
        """Take up a 401: True when there is something new to try. `used`: the header that was refused.

        Raises Unauthenticated (no login, or the realm refuses it), Unavailable (the realm does not answer).
        """
        with self._turn:
            now = self.header(scope).get("Authorization", "")
            if now != used:
                return True  # another thread has been here
            for challenge in challenges:
                scheme, _, rest = challenge.strip().partition(" ")
                if scheme.lower() == "bearer":
                    self._known[scope] = f"Bearer {self._token(_parameters(rest), scope)}"
                    return True
                if scheme.lower() == "basic":
                    return self._use_basic(used)
        return False

    def _use_basic(self, used: str) -> bool:
        login = self._login()
        if login is None or not login.user:
            raise self.nobody()
        self._basic = _basic(login)
        return self._basic != used

    def nobody(self) -> Unauthenticated:
        return Unauthenticated(
            f"{self._host} asks who you are", hint=f"docker login {self._host}, or the cloud's own: see the README"
        )

    def _login(self) -> Login | None:
        found: Login | None = self._ask()
        return found

    def _token(self, told: dict[str, str], scope: str) -> str:
        realm = told.get("realm", "")
        parts = urlsplit(realm)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Unauthenticated(f"{self._host} names no realm to get a token from: {realm!r}")
        login = self._login()
        if login and parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            raise Unauthenticated(f"{self._host} wants a login sent to {realm}, which is not encrypted")
        fields = {"service": told.get("service", ""), "scope": scope or told.get("scope", "")}
        fields = {name: value for name, value in fields.items() if value}
        if login and login.token:
            body = {**fields, "grant_type": "refresh_token", "refresh_token": login.token, "client_id": CLIENT}
            return self._fetch("POST", realm, data=body)
        headers = {"Authorization": _basic(login)} if login else {}
        several = {**fields, "scope": fields.get("scope", "").split()}
        return self._fetch("GET", realm, params=several, headers=headers)

    def _fetch(self, method: str, realm: str, **how: Any) -> str:
        response = self._http.request(method, realm, follow_redirects=False, **how)
        if response.status_code in {400, 401, 403}:
            raise Unauthenticated(
                f"{realm} refuses the login for {self._host} (status {response.status_code})",
                hint=f"docker login {self._host}",
            )
        try:
            document = response.json() if response.status_code == 200 else {}
            token = document.get("token") or document.get("access_token")
        except (ValueError, AttributeError):
            token = None
        if not isinstance(token, str):
            raise Unavailable(f"{realm} gave no token for {self._host} (status {response.status_code})")
        return token


def _basic(login: Login) -> str:
    return "Basic " + base64.b64encode(f"{login.user}:{login.password}".encode()).decode()


def _parameters(text: str) -> dict[str, str]:
    return {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(text)}
