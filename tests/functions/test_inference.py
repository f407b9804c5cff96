"""The handler that is deployed, called with the events that API Gateway sends, and the same file under uvicorn."""

from __future__ import annotations

import asyncio
import base64
import gzip
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import endpoints
from tests.serving.endpoints import ROW

SOURCE = Path(__file__).parents[2] / "functions/inference/app.py"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = endpoints.binary_files()
    (tmp_path / "model").mkdir()
    for name, data in files.files.items():
        (tmp_path / "model" / name).write_bytes(data)
    (tmp_path / "app.py").write_bytes(SOURCE.read_bytes())
    runtime = {
        "project": "p",
        "target": "dev",
        "endpoint": "flights",
        "model_version": 7,
        "model_digest": files.digest,
        "values": {"auth": {"mode": "platform"}},
    }
    monkeypatch.setenv("TOOLKIT_RUNTIME", json.dumps(runtime))
    return tmp_path


@pytest.fixture
def loop() -> Iterator[None]:
    """The event loop that Mangum finds and keeps; the process of a function never closes it, a test does."""
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield
    made.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def ask(folder: Path, loop: None) -> Ask:
    """The handler, loaded as the runtime loads it, asked with an API Gateway v2 event."""
    spec = importlib.util.spec_from_file_location("handler_under_test", folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def asked(method: str, path: str, body: bytes = b"", encoded: bool = False, **headers: str) -> dict[str, Any]:
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "requestContext": {
                "http": {"method": method, "path": path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1"},
                "stage": "$default",
            },
            "body": base64.b64encode(body).decode() if encoded else body.decode(),
            "isBase64Encoded": encoded,
        }
        answer: dict[str, Any] = module.handler(event, None)
        return answer

    return asked


def test_the_file_is_about_twelve_lines() -> None:
    lines = [line for line in SOURCE.read_text().split('"""')[2].splitlines() if line.strip()]
    assert len(lines) <= 12


def test_it_answers_events_call_after_call(ask: Ask) -> None:
    body = json.dumps({"records": [ROW]}).encode()
    for _ in range(3):
        reply = ask("POST", "/predict", body, content_type="application/json")
        assert reply["statusCode"] == 200, reply
        assert reply["isBase64Encoded"] is False
        assert json.loads(reply["body"])["version"] == 7
    zipped = ask("POST", "/predict", gzip.compress(body), encoded=True, content_encoding="gzip")
    assert zipped["statusCode"] == 200
    bad = ask("POST", "/predict", b'{"records": [{}]}')
    assert (bad["statusCode"], bad["headers"]["content-type"]) == (422, "application/problem+json")
    assert ask("GET", "/healthz")["statusCode"] == 200
    assert ask("GET", "/nowhere")["statusCode"] == 404
    assert "toolkit_rows_total 4" in ask("GET", "/metrics")["body"]
    assert json.loads(ask("GET", "/openapi.json")["body"])["openapi"] == "3.1.0"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.mark.slow
def test_it_runs_under_uvicorn(folder: Path) -> None:
    port = free_port()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(SOURCE.parents[2])])}
    command = [sys.executable, "-m", "uvicorn", "app:application", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--log-level", "error"], cwd=folder, env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as reply:
                    assert reply.status == 200
                break
            except (urllib.error.URLError, ConnectionError):
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.05)
        for body, status in ((ROW, 200), ({**ROW, "delay": "x"}, 422), (ROW, 200)):
            assert post(port, "/predict", json.dumps(body).encode()) == status
        assert post(port, "/predict", b" " * 6_000_000) == 413
        assert post(port, "/predict", json.dumps([ROW] * 2000).encode()) == 200
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode in (0, -15)
    assert errors == ""


def post(port: int, path: str, body: bytes) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            status: int = reply.status
            return status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
