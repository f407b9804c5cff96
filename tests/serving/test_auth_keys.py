"""Keys that are fetched from their issuer: kept, rotated, bridged while it is down, and no document but a good one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.serving.callers import ask, by_jwt, jwk, rsa_key, signed
from toolkit.serving import jwks
from toolkit.serving.app import create_app
from toolkit.serving.auth import guarded
from toolkit.serving.jwks import COOLDOWN, FRESH, STALE, Keys
from toolkit.serving.model import Model
from toolkit.serving.problems import Problem
from toolkit.serving.settings import Auth


class Issuer:
    """A JWKS document, a clock, and how often it was asked for."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys, self.asked, self.now, self.down = list(keys), 0, 1_000.0, False

    def fetch(self, url: str) -> bytes:
        assert url == "https://issuer.test/jwks"
        self.asked += 1
        if self.down:
            raise OSError("no route")
        return json.dumps({"keys": self.keys}).encode()

    def keys_of(self) -> Keys:
        return Keys(Auth(jwks_url="https://issuer.test/jwks"), self.fetch, lambda: self.now)


def look(keys: Keys, kid: str) -> bool:
    found = keys.at_hand(kid, "RS256")
    return bool(keys.fetched(kid, "RS256") if found is None else found)


def test_keys_are_fetched_kept_and_rotated() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    assert [look(keys, "one") for _ in range(100)] == [True] * 100
    assert issuer.asked == 1
    issuer.keys = [jwk(rsa_key(1), "two")]
    issuer.now += COOLDOWN + 1
    assert look(keys, "two")
    assert issuer.asked == 2
    assert not look(keys, "one")  # withdrawn with the document that no longer lists it
    assert issuer.asked == 2


def test_made_up_key_ids_cost_the_issuer_nothing() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    for number in range(500):
        assert not look(keys, f"made up {number}")
    assert issuer.asked == 1
    assert look(keys, "one")


def test_a_withdrawn_key_is_gone_when_the_document_is_fetched_anew() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    assert look(keys, "one")
    issuer.keys = [jwk(rsa_key(1), "two")]
    issuer.now += FRESH + 1
    assert not look(keys, "one")


def test_an_issuer_that_is_down_is_bridged_for_a_while() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    assert look(keys, "one")
    issuer.down = True
    issuer.now += FRESH + 1
    assert look(keys, "one")
    assert [look(keys, "one") for _ in range(50)] == [True] * 50
    assert issuer.asked == 2  # not at every call
    issuer.now += STALE
    with pytest.raises(Problem) as caught:
        look(keys, "one")
    assert (caught.value.status, caught.value.kind) == (503, "no-keys")
    issuer.down = False
    issuer.now += COOLDOWN + 1
    assert look(keys, "one")


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"[]", b"{}", b'{"keys": 5}', b'{"keys": []}', b'{"keys": [5]}', b"[" * 9_000, b"\xff"]
)
def test_a_document_that_is_none_lets_nobody_in(document: bytes) -> None:
    keys = Keys(Auth(jwks_url="https://issuer.test/jwks"), lambda url: document)
    with pytest.raises(Problem, match="keys of the issuer"):
        look(keys, "one")


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A real HTTP server of documents by path."""
    pages: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = pages[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", pages
    made.shutdown()
    thread.join()
    made.server_close()


def test_keys_come_over_http(binary: Model, server: tuple[str, dict[str, Any]]) -> None:
    url, pages = server
    pages["/jwks"] = (200, {}, json.dumps({"keys": [jwk(rsa_key(), "one")]}).encode())
    app = guarded(create_app(binary), by_jwt(keys=(), jwks_url=f"{url}/jwks"))
    assert ask(app, "GET", "/", [f"Bearer {signed()}"])[0] == 200
    assert ask(app, "GET", "/", [f"Bearer {signed(key=rsa_key(1), kid='two')}"])[0] == 401


def test_redirects_errors_and_large_documents_are_none(server: tuple[str, dict[str, Any]]) -> None:
    url, pages = server
    pages["/jwks"] = (200, {}, b"{}")
    pages["/moved"] = (302, {"location": f"{url}/jwks"}, b"")
    pages["/gone"] = (500, {}, b"")
    pages["/large"] = (200, {}, b" " * (jwks.MAX_BYTES + 1))
    assert jwks.download(f"{url}/jwks") == b"{}"
    for path in ("/moved", "/gone"):
        with pytest.raises(OSError):
            jwks.download(url + path)
    with pytest.raises(ValueError, match="larger than"):
        jwks.download(f"{url}/large")
