"""Webhooks over real sockets: a good one, a failing one, a slow one, a dead one, one that points elsewhere."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from toolkit.domain.errors import ConfigError, Unavailable
from toolkit.domain.specs import Alert, Delivery
from toolkit.execution.delivery import deliver, payload, post

ALERT = Alert(incident="drift/flights", state="open", title="Drift in flights", text="dep_delay 0.31", time="now")
OVER = threading.Event()
REQUESTS: list[tuple[str, dict[str, object]]] = []


class _Hook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        REQUESTS.append((self.path, body))
        kind = self.path.strip("/").split("/")[0]
        if kind == "slow":
            OVER.wait(20)
        self.send_response({"redirect": 302, "fails": 500}.get(kind, 204))
        if kind == "redirect":
            self.send_header("Location", "/good")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[str]:
    REQUESTS.clear()
    OVER.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hook)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    OVER.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_gets_the_alert_and_the_text_that_chats_show(hook: str) -> None:
    post(f"{hook}/good/SECRET", ALERT)
    ((path, body),) = REQUESTS
    assert path == "/good/SECRET"
    assert body == payload(ALERT)
    assert body["text"] == "[warning] Drift in flights (open)\ndep_delay 0.31"
    assert (body["incident"], body["details"], body["time"]) == ("drift/flights", "dep_delay 0.31", "now")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/fails/SECRET", "answered with status 500"),
        ("/redirect/SECRET", "answered with status 302"),
        ("/slow/SECRET", "no answer within 0.2 s"),
    ],
)
def test_a_failing_webhook_says_how_and_not_where(hook: str, path: str, error: str) -> None:
    with pytest.raises(Unavailable) as failed:
        post(hook + path, ALERT, seconds=0.2 if "slow" in path else 20)
    assert failed.value.message == error
    assert failed.value.__cause__ is None
    assert len(REQUESTS) == 1  # neither tried again nor sent on


def test_a_dead_webhook_could_not_be_reached() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="could not be reached") as failed:
        post(f"http://127.0.0.1:{port}/SECRET", ALERT)
    assert "SECRET" not in str(failed.value)


@pytest.mark.parametrize("url", ["ftp://SECRET/", "SECRET", "", "http://", "http://[SECRET/", "http://x:SECRET/", "\0"])
def test_an_address_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises((ConfigError, Unavailable)) as failed:
        post(url, ALERT, seconds=0.5)
    assert "SECRET" not in str(failed.value)


def test_the_client_does_not_log_the_address(hook: str, caplog: pytest.LogCaptureFixture) -> None:
    import httpx2

    with caplog.at_level(logging.INFO):
        deliver(ALERT, {"hook": lambda alert: post(f"{hook}/good/SECRET", alert)})
        assert "SECRET" not in caplog.text
        httpx2.post(f"{hook}/good/of-others", json={})
    assert "of-others" in caplog.text  # only ours are kept out


def test_channels_run_beside_each_other_in_their_own_time() -> None:
    arrived: list[str] = []

    def slow(alert: Alert) -> None:
        time.sleep(0.5)
        arrived.append("slow")

    def late(alert: Alert) -> None:
        time.sleep(10)

    def breaks(alert: Alert) -> None:
        raise KeyError("https://SECRET")

    begin = time.monotonic()
    channels = {"breaks": breaks, "slow": slow, "slow too": slow, "late": late}
    results = deliver(ALERT, channels, seconds=3.0)
    assert 0.5 <= time.monotonic() - begin < 9
    assert arrived == ["slow", "slow"]
    assert results == (
        Delivery(channel="breaks", ok=False, error="KeyError"),
        Delivery(channel="slow", ok=True),
        Delivery(channel="slow too", ok=True),
        Delivery(channel="late", ok=False, error="no answer within 3 s"),
    )
    assert deliver(ALERT, {}) == ()
