import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from toolkit.adapters.local import PROVIDER
from toolkit.adapters.local.alerts import LocalAlerts, open_alerts
from toolkit.adapters.local.secrets import open_secrets
from toolkit.ports.alerts import Alerts
from toolkit.testing.alerts import AlertsSuite, Broken, Received

_FITS: type[Alerts] = LocalAlerts


class _Receiver(BaseHTTPRequestHandler):
    """Keeps what it is sent; its path says how it answers."""

    bodies: list[dict[str, object]]
    over: threading.Event

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "slow" in self.path:
            self.over.wait(20)
        if "good" in self.path:
            self.bodies.append(body)
        self.send_response(200 if "good" in self.path else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


class TestLocalAlerts(AlertsSuite):
    provider = PROVIDER
    patience = 10.0

    @pytest.fixture
    def bodies(self) -> list[dict[str, object]]:
        return []

    @pytest.fixture
    def listener(self, bodies: list[dict[str, object]]) -> Iterator[str]:
        over = threading.Event()
        handler = type("Receiver", (_Receiver,), {"bodies": bodies, "over": over})
        listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{listener.server_port}"
        over.set()
        listener.shutdown()
        thread.join()
        listener.server_close()

    @pytest.fixture
    def received(self, bodies: list[dict[str, object]]) -> Received:
        return lambda: [str(body["incident"]) for body in bodies]

    @pytest.fixture
    def alerts(self, tmp_path: Path, listener: str) -> Alerts:
        return open_alerts({"host": str(tmp_path), "webhooks": [f"{listener}/good"]})

    @pytest.fixture
    def broken(self, tmp_path: Path, listener: str, received: Received) -> Broken:
        secrets = open_secrets({"host": str(tmp_path)})
        secrets.put("hook", f"{listener}/fails/SECRET")
        webhooks = [
            f"{listener}/good/SECRET",
            f"{listener}/slow/SECRET",
            "secret:hook",
            "secret:not-there",
            "http://127.0.0.1:9/SECRET",
            "ftp://SECRET.example/",
        ]
        alerts = LocalAlerts(tmp_path / "alerts.jsonl", webhooks, secrets, seconds=2.0)
        return Broken(alerts, frozenset(alerts.channels()[2:]), "SECRET/", received)
