"""The application of a deployed function: told by one variable, light to start, flushed when it is told to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.test_light_imports import third_party
from tests.serving import endpoints
from tests.serving.endpoints import ROW, Client, Files
from toolkit.domain.errors import ConfigError, Corrupt
from toolkit.entry import inference
from toolkit.quality.baseline import from_bytes
from toolkit.quality.profile import decode
from toolkit.serving.app import App
from toolkit.serving.auth import Guard

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bundle_files() -> Files:
    return endpoints.bundled_files()


@pytest.fixture
def folder(tmp_path: Path, bundle_files: Files) -> Path:
    """What a bundle unpacks to, but for the packages."""
    (tmp_path / "model").mkdir()
    for name, data in bundle_files.files.items():
        (tmp_path / "model" / name).write_bytes(data)
    (tmp_path / "app.py").write_bytes((REPOSITORY / "functions/inference/app.py").read_bytes())
    return tmp_path


def runtime(folder: Path, files: Files, *, store: bool = True, **values: Any) -> str:
    ports = {"store": {"provider": "local", "settings": {"store": str(folder / "store")}}} if store else {}
    return json.dumps(
        {
            "project": "flights",
            "target": "dev",
            "endpoint": "flights",
            "model": "flights",
            "model_version": 3,
            "model_digest": files.digest,
            "ports": ports,
            "values": {"auth": {"mode": "platform"}, **values},
        }
    )


def test_without_a_runtime_it_says_what_is_missing(folder: Path) -> None:
    with pytest.raises(ConfigError, match="TOOLKIT_RUNTIME is not set"):
        inference.application(folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read"),
        ('{"project": 1}', "cannot be read"),
        ('{"project":"p","target":"t","values":{"limits":1}}', "values: Expected"),
    ],
)
def test_a_runtime_that_cannot_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    monkeypatch.setenv("TOOLKIT_RUNTIME", text)
    with pytest.raises(ConfigError, match=says):
        inference.application(folder)


def test_another_model_than_the_pinned_one_does_not_start(
    folder: Path, bundle_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = runtime(folder, bundle_files, store=False).replace(bundle_files.digest, "0" * 64)
    monkeypatch.setenv("TOOLKIT_RUNTIME", text)
    with pytest.raises(Corrupt, match=r"manifest\.json has the digest"):
        inference.application(folder)


def test_without_a_store_it_predicts_and_remembers_nothing(
    folder: Path, bundle_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"max_rows": 2}
    monkeypatch.setenv("TOOLKIT_RUNTIME", runtime(folder, bundle_files, store=False, limits=limits))
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(folder))
    app = inference.application()
    client = Client(app)
    assert isinstance(app, App)
    assert app.capture is None
    assert client.post("/predict", ROW).json()["version"] == 3
    assert client.post("/predict", [ROW] * 3).status == 413
    assert client.post("/feedback", {"id": "x", "label": "late"}).status == 501


def test_what_was_not_told_who_may_ask_refuses_but_on_lambda(
    folder: Path, bundle_files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_RUNTIME", runtime(folder, bundle_files, store=False, auth={}))
    closed = inference.application(folder)
    assert isinstance(closed, Guard)
    assert [Client(closed).get(path).status for path in ("/", "/docs", "/predict", "/healthz")] == [401, 401, 401, 200]
    for said in ("public", '{"mode": "platform"}'):
        monkeypatch.setenv("TOOLKIT_AUTH", said)
        assert Client(inference.application(folder)).get("/").status == 200
    monkeypatch.setenv("TOOLKIT_AUTH", "")
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
    assert Client(inference.application(folder)).get("/").status == 200  # Lambda lets nobody through without IAM
    monkeypatch.setenv("TOOLKIT_AUTH", "closed")
    assert Client(inference.application(folder)).get("/").status == 401


@pytest.mark.parametrize(
    "auth", [{"mode": "open"}, {"mode": "token"}, {"mode": "jwt"}, {"mode": "public", "tokns": []}]
)
def test_auth_that_makes_no_sense_does_not_start(
    folder: Path, bundle_files: Files, monkeypatch: pytest.MonkeyPatch, auth: dict[str, Any]
) -> None:
    monkeypatch.setenv("TOOLKIT_RUNTIME", runtime(folder, bundle_files, store=False, auth=auth))
    with pytest.raises(ConfigError):
        inference.application(folder)


def test_with_a_store_it_captures(folder: Path, bundle_files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atexit.register", lambda close: None)
    monkeypatch.setenv("TOOLKIT_RUNTIME", runtime(folder, bundle_files, capture={"wait": 5.0, "features": True}))
    client = Client(inference.application(folder))
    answer = client.post("/predict", ROW).json()["predictions"][0]
    assert client.post("/feedback", {"id": answer["id"], "label": "late"}).status == 200
    assert stored_kinds(folder) == ["captures", "feedback", "profiles", "service"]


def stored_kinds(folder: Path) -> list[str]:
    from toolkit.adapters.local.store import open_store

    return [meta.key.partition("/")[0] for meta in open_store({"store": str(folder / "store")}).list()]


# What a cold start pays for. A new name here is a decision: say in the commit what it costs.
ALLOWED = {"mangum", "msgspec", "numpy", "onnxruntime"}
FORBIDDEN = {"fastapi", "starlette", "pydantic", "polars", "pandas", "sklearn", "onnx", "joblib", "pickle5", "obstore"}
FORBIDDEN |= {"ssl", "typing_extensions", "dataclasses", "random"}  # see `entry.later`

START = "import app\n"
ASK = """
import asyncio, json
import {module} as started
sent = []
async def receive():
    return {{"type": "http.request", "body": json.dumps({row!r}).encode(), "more_body": False}}
async def send(message):
    sent.append(message)
scope = {{"type": "http", "method": "POST", "path": "/predict", "headers": []}}
asyncio.run(started.application(scope, receive, send))
assert sent[0]["status"] == 200, sent
"""


def python(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder), str(REPOSITORY)])
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": paths, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
@pytest.mark.parametrize("store", [True, False])
def test_starting_and_answering_imports_only_what_is_on_the_list(
    folder: Path, bundle_files: Files, store: bool
) -> None:
    code = f"{START}{ASK.format(module='app', row=ROW)}\nimport sys\nprint(' '.join(sys.modules))"
    done = python(code, folder, TOOLKIT_RUNTIME=runtime(folder, bundle_files, store=store))
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.split())
    names = {name.partition(".")[0] for name in modules}
    assert third_party(names) - {"app"} <= ALLOWED
    assert not names & FORBIDDEN
    floors = {name.split(".")[1] for name in modules if name.startswith("toolkit.")}
    assert floors <= {"domain", "serving", "entry", "state", "ports", "quality", "bootstrap", "adapters"} - (
        set() if store else {"bootstrap", "adapters"}
    )
    assert "toolkit.domain.config" not in modules


SERVE = """
import os, sys, time
{ask}
asyncio.run(started.application(scope, receive, send))  # the second one is buffered
print("asked", flush=True)
{end}
"""


STUCK = """
import ctypes
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
libc.pthread_mutex_lock(mutex)
libc.pthread_mutex_lock(mutex)
"""


def kept_rows(folder: Path, files: Files) -> int:
    from toolkit.adapters.local.store import open_store

    store = open_store({"store": str(folder / "store")})
    baseline = from_bytes(files.files["profile"])
    return sum(decode(store.get(meta.key).data, baseline).rows for meta in store.list("profiles/"))


@pytest.mark.slow
def test_a_process_that_ends_flushes(folder: Path, bundle_files: Files) -> None:
    code = SERVE.format(ask=ASK.format(module="app", row=ROW), end="")
    done = python(code, folder, TOOLKIT_RUNTIME=runtime(folder, bundle_files))
    assert done.returncode == 0, done.stderr
    assert kept_rows(folder, bundle_files) == 2


@pytest.mark.slow
def test_a_frozen_worker_that_is_told_to_stop_flushes(folder: Path, bundle_files: Files) -> None:
    """The main thread is inside C code that a signal does not end, as the runtime client's wait is."""
    code = SERVE.format(ask=ASK.format(module="app", row=ROW), end=STUCK)
    paths = os.pathsep.join([str(folder), str(REPOSITORY)])
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": paths,
        "TOOLKIT_RUNTIME": runtime(folder, bundle_files),
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1",
    }
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        assert kept_rows(folder, bundle_files) == 1
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        assert process.wait(20) == 0
        assert kept_rows(folder, bundle_files) == 2
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
