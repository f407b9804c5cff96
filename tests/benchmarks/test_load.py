from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.apparatus import load
from benchmarks.apparatus.environments import Missing
from benchmarks.apparatus.servers import Running, Server, Way, post

# Answers what it is sent, and 500 after the twenty-first request of /fail: when both clients are under way.
ECHO = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version, failing = "HTTP/1.1", 0
    def do_POST(self):
        Handler.failing += self.path == "/fail"
        body = b"right " + self.rfile.read(int(self.headers["content-length"]))
        answer = 500 if Handler.failing > 21 else 200
        head = f"HTTP/1.1 {answer} X\\r\\ncontent-length: {len(body)}\\r\\n\\r\\n"
        self.wfile.write(head.encode() + body)
    def log_message(self, *given): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[Running]:
    server = Server("a peer", lambda port: [sys.executable, "-c", ECHO, str(port)], tmp_path)
    running = Running(server)
    running.first(Way("a peer", server, lambda rows: post("/predict", {"rows": rows}), b"right"), [[1.0]])
    yield running
    running.stop()


@pytest.fixture(params=["wrk or none", "none"])
def client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """wrk where this machine has it, and the client in Python."""
    if request.param == "none":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    return load.client()


@pytest.mark.slow
def test_two_clients_are_counted_and_a_failure_among_them_is_none(echo: Running, client: str) -> None:
    found = load.measured(echo, post("/predict", b"z"), 1)
    assert found.a_second > 20
    assert 0 < found.p99 < 1
    with pytest.raises(Missing):
        load.measured(echo, post("/fail", b"z"), 1)
    assert client in ("wrk", "a client in Python")
