"""Alerts by apprise, over the wire: to an HTTP and an SMTP server of this test, whose addresses are secrets."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.lifecycle.shop import Shop, make_shop
from toolkit.domain.config import AlertsConfig
from toolkit.domain.specs import Alert
from toolkit.lifecycle import alerting
from toolkit.state.incidents import TRIES, Incidents

ALERT = Alert(incident="drift-shop", state="open", severity="critical", title="shop: a drifted", labels={"target": "t"})


class Hook(BaseHTTPRequestHandler):
    got: list[dict[str, Any]]
    status = 200

    def do_POST(self) -> None:
        self.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[type[Hook], str]]:
    class Mine(Hook):
        got: list[dict[str, Any]] = []  # noqa: RUF012  # one per test

    server = HTTPServer(("127.0.0.1", 0), Mine)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield Mine, f"json://127.0.0.1:{server.server_port}/secret-path"
    server.shutdown()
    thread.join()
    server.server_close()


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as a client says to send one mail."""

    mails: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go\r\n")
                mail = b""
                while not mail.endswith(b"\r\n.\r\n"):
                    mail += self.rfile.readline()
                self.mails.append(mail.decode())
            self.wfile.write(b"250 ok\r\n" if not line.upper().startswith(b"QUIT") else b"221 bye\r\n")


@pytest.fixture
def mailbox() -> Iterator[tuple[list[str], str]]:
    class Mine(Mailbox):
        mails: list[str] = []  # noqa: RUF012  # one per test

    with socketserver.TCPServer(("127.0.0.1", 0), Mine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield Mine.mails, f"mailto://127.0.0.1:{server.server_address[1]}?from=a@b.example&to=c@d.example&mode=insecure"
        server.shutdown()
        thread.join()


@pytest.fixture
def shop(tmp_path: Any) -> Shop:
    return make_shop(tmp_path)


def test_a_webhook_and_a_mailbox_are_told_once_each(
    shop: Shop, hook: tuple[type[Hook], str], mailbox: tuple[list[str], str]
) -> None:
    shop.ctx.secrets.put("hook", hook[1])
    shop.ctx.secrets.put("mail", mailbox[1])
    shop.configure(alerts=AlertsConfig(channels=["hook", "mail"]))
    deliveries = alerting.publish(shop.ctx, ALERT)
    assert [(d.channel, d.ok, d.error) for d in deliveries[-2:]] == [("hook", True, ""), ("mail", True, "")]
    (posted,), (mail,) = hook[0].got, mailbox[0]
    assert posted["title"] == "[open] shop: a drifted"
    assert posted["type"] == "failure"
    assert "target: t" in posted["message"]
    assert "shop: a drifted" in mail


def test_critical_channels_are_told_critical_alerts_only(shop: Shop) -> None:
    shop.configure(alerts=AlertsConfig(channels=["all"], critical=["pager", "all"]))
    assert alerting.names(shop.ctx, ALERT) == ["all", "pager", "all"]
    mild = Alert(incident="i", state="open", title="t")
    assert alerting.names(shop.ctx, mild) == ["all"]


def test_no_failing_channel_fails_another_and_no_address_is_shown(
    shop: Shop, hook: tuple[type[Hook], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "SECONDS", 2.0)
    monkeypatch.setattr(hook[0], "status", 500)
    shop.ctx.secrets.put("refusing", hook[1])
    shop.ctx.secrets.put("gone", "json://127.0.0.1:9/secret-path")
    shop.ctx.secrets.put("nonsense", "not an address secret-path")
    shop.configure(alerts=AlertsConfig(channels=["refusing", "gone", "nonsense", "missing"]))
    found = {d.channel: d for d in alerting.publish(shop.ctx, ALERT)}
    for name in ("refusing", "gone", "nonsense", "missing"):
        assert not found[name].ok
        assert found[name].error
        assert "secret-path" not in found[name].error
    assert "missing" in found["missing"].error


def test_what_reached_nobody_is_tried_again_and_then_given_up_in_sight(
    shop: Shop, hook: tuple[type[Hook], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(shop.ctx.alerts), "publish", lambda self, alert: ())
    shop.ctx.secrets.put("hook", hook[1])
    shop.configure(alerts=AlertsConfig(channels=["hook"]))
    incidents = Incidents(shop.ctx.store, shop.ctx.target, "shop")
    hook[0].status = 503
    incidents.observe("drift-shop", True, title="a drifted", time=shop.ctx.clock())
    for _ in range(TRIES):
        alerting.send(shop.ctx, incidents)
    assert len(incidents.given_up()) == 1
    assert any("hook" in warned for warned in shop.told.warned)
