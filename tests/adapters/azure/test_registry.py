"""A registry's login: Entra's token for the registry's own, and with that one a push to a real registry server."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.oci import bases, server
from toolkit.adapters.azure import client
from toolkit.adapters.azure.registry import login
from toolkit.bootstrap.registries import logins
from toolkit.domain.config import Project
from toolkit.domain.errors import Unauthenticated
from toolkit.domain.specs import Binding
from toolkit.packaging.oci import reference, transfer
from toolkit.packaging.oci.registry import Registry
from toolkit.ports.context import Context

HOST = "flightsprodabc.azurecr.io"
TENANT = "11111111-2222-3333-4444-555555555555"
FIELDS = {
    "grant_type": ["access_token"], "service": [HOST], "tenant": [TENANT], "access_token": [client.EMULATED_TOKEN],
}  # fmt: skip


class Exchange(BaseHTTPRequestHandler):
    """`POST /oauth2/exchange` as Azure has it: a form, and each of its fields."""

    def do_POST(self) -> None:
        fields = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        form = self.headers["Content-Type"] == "application/x-www-form-urlencoded"
        good = self.path == f"/{HOST}/oauth2/exchange" and form and fields == FIELDS
        denied = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        data = json.dumps({"refresh_token": server.PASSWORD} if good else denied).encode()
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    exchange = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    thread = threading.Thread(target=exchange.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{exchange.server_port}"
    monkeypatch.setattr(client, "emulated", {address})
    yield {"services_endpoint": address, "tenant": TENANT}
    exchange.shutdown()
    exchange.server_close()
    thread.join()


def test_entras_token_is_exchanged(settings: dict[str, Any]) -> None:
    found = login(HOST, settings)
    assert (found.user, found.password, found.token) == ("", "", server.PASSWORD)
    assert server.PASSWORD not in repr(found)


def test_a_push_with_it_to_a_registry_that_asks_its_own_tokens(settings: dict[str, Any], tmp_path: Path) -> None:
    """Docker's server, whose realm takes what was exchanged by POST, as `/oauth2/token` of Azure's does."""
    built = bases.looks_like_one(tmp_path / "base")
    with server.serving(tmp_path / "registry", "token") as found:
        with Registry(found.host, lambda asked: login(HOST, settings)) as registry:
            transfer.push(built, reference.parse(f"{found.host}/job:1"), registry)
        assert found.asked[-1]["grant_type"] == ["refresh_token"]
        assert {scope for asked in found.asked for scope in asked["scope"]} >= {"repository:job:pull,push"}
        with Registry(found.host, lambda asked: None) as registry, pytest.raises(Unauthenticated):
            transfer.push(built, reference.parse(f"{found.host}/job:2"), registry)


@pytest.mark.parametrize(("host", "tenant"), [("another.azurecr.io", TENANT), (HOST, "somebody's")])
def test_who_is_not_known_there(settings: dict[str, Any], host: str, tenant: str) -> None:
    with pytest.raises(Unauthenticated, match="get a login") as refused:
        login(host, {**settings, "tenant": tenant})
    assert refused.value.hint == "az login"
    assert client.EMULATED_TOKEN not in refused.value.message


def test_it_is_found_by_the_registrys_host(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    bindings = {"store": Binding(provider="azure", settings=settings)}
    ask = logins(Context(Project(), "prod", tmp_path, bindings, {}, lambda port, binding: None))
    assert ask(HOST) == login(HOST, settings)
    assert ask("azurecr.io.example.com") is None
