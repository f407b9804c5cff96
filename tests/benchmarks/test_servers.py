from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.apparatus import environments
from benchmarks.apparatus.environments import Missing
from benchmarks.apparatus.servers import Running, Server, Way, post, tree

ECHO = """
import socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            length = 0
            while (line := self.rfile.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            body = b"right " + self.rfile.read(length)
            if length > 100:
                self.wfile.write(b"HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n")
                self.wfile.write(b"%x\\r\\n%s\\r\\n0\\r\\n\\r\\n" % (len(body), body))
            else:
                self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
            self.wfile.flush()
socketserver.ThreadingTCPServer.daemon_threads = True
socketserver.ThreadingTCPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
ROWS = [[1.0, 2.0]]


def way(folder: Path, code: str, expected: bytes = b"right") -> Way:
    server = Server("a peer", lambda port: [sys.executable, "-c", code, str(port)], folder)
    return Way("a peer", server, lambda rows: post("/predict", {"rows": rows}), expected)


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[tuple[Running, Way]]:
    asked = way(tmp_path, ECHO)
    running = Running(asked.server)
    yield running, asked
    running.stop()


@pytest.mark.slow
def test_a_server_is_started_asked_and_ended(echo: tuple[Running, Way]) -> None:
    running, asked = echo
    assert 0 < running.first(asked, ROWS) < 60
    assert running.ask(post("/predict", b"x"))[1] == b"right x"
    status, chunked = running.ask(post("/predict", b"y" * 200))
    assert status == 200
    assert b"right " + b"y" * 200 in chunked
    times, taken = running.two_clients(post("/predict", b"z"), 20)
    assert len(times) >= 20
    assert 0 < max(times) <= taken
    for _ in range(100):  # counted in hundredths of a second
        if running.cpu() == 0:
            running.two_clients(post("/predict", b"z"), 50)
    assert running.cpu() > 0
    pids = tree(running.process.pid)
    running.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [("raise SystemExit('no such module')", b"right", "no such module"), (ECHO, b"wrong", 'right {"rows"')],
)
def test_a_server_that_fails_says_why(tmp_path: Path, code: str, expected: bytes, said: str) -> None:
    asked = way(tmp_path, code, expected)
    running = Running(asked.server)
    try:
        with pytest.raises(Missing, match=said):
            running.first(asked, ROWS)
    finally:
        running.stop()


def test_an_environment_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = [sys.executable, "-c", "raise SystemExit('no wheel')"]
    run = environments._run
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(environments, "_run", lambda command: run(refused))
    with pytest.raises(Missing, match="no wheel"):
        environments.home("peer", ["peer==1"])
