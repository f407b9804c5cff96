"""The bundle as it is deployed, in a process that has nothing else: what could unpickle is not there, nothing does."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.serving import endpoints
from tests.serving.endpoints import ROW
from tests.serving.signed import Bucket
from toolkit.adapters.local.store import open_store
from toolkit.domain.trust import TrustRoot
from toolkit.packaging import bundle
from toolkit.packaging.bundle import BundleSpec

pytestmark = pytest.mark.slow
UNWANTED = ("joblib", "dill", "cloudpickle", "torch", "pickle5", "sklearn", "pandas", "xgboost", "lightgbm", "skops",
            "cryptography")  # fmt: skip

# It listens before anything of the bundle is imported.
SCRIPT = """
import sys
root, row = sys.argv[1], sys.argv[2]
heard = []
WATCHED = {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "shelve.open"}
def listen(event, arguments):
    if event in WATCHED:
        heard.append((event, repr(arguments)))
sys.addaudithook(listen)
sys.path.insert(0, root)

import importlib.util
found = [name for name in UNWANTED if importlib.util.find_spec(name)]
import asyncio, json
import app

async def ask(method, path, body=b"", content_type=b"application/json"):
    sent = []
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    async def send(message):
        sent.append(message)
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "root_path": "", "scheme": "http",
             "http_version": "1.1", "server": ("h", 80), "client": ("c", 1), "raw_path": path.encode(),
             "headers": [(b"content-type", content_type)], "asgi": {"version": "3.0"}}
    await app.application(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])

def asked(*arguments):
    return asyncio.run(ask(*arguments))

one = row.encode()
statuses = {
    "/predict": asked("POST", "/predict", one)[0],
    "/predict many": asked("POST", "/predict", b"[" + b",".join([one] * 50) + b"]")[0],
    "/invocations": asked("POST", "/invocations", json.dumps({"dataframe_records": [json.loads(row)]}).encode())[0],
    "/v1": asked("POST", "/v1/models/flights:predict", json.dumps({"instances": [json.loads(row)]}).encode())[0],
    "/score": asked("POST", "/score", json.dumps({"data": [json.loads(row)]}).encode())[0],
}
for path in ("/", "/healthz", "/metrics", "/v2", "/v2/models/flights", "/openapi.json", "/docs", "/ping"):
    statuses[path] = asked("GET", path)[0]
# what a client may send to try: a pickle, under every type that could make somebody read it
import pickle
bad = pickle.dumps({"rows": [1]})
for kind in (b"application/octet-stream", b"application/x-python-serialize", b"application/x-pickle", b"text/plain",
             b"application/json", b"application/x-npy", b"application/vnd.apache.arrow.stream"):
    for path in ("/predict", "/invocations", "/v2/models/flights/infer", "/feedback"):
        status = asked("POST", path, bad, kind)[0]
        if status < 400 or status >= 500:
            statuses[f"{path} {kind}"] = status
print(json.dumps({"found": found, "heard": heard, "statuses": statuses, "pickle": "pickle" in sys.modules}))
"""


def bundled(folder: Path, model_files: dict[str, bytes]) -> Path:
    python = ".".join(platform.python_version_tuple()[:2])
    spec = BundleSpec("inference", python=python, platform="host", providers=("local",), model_files=model_files)
    built = bundle.build(spec)
    with zipfile.ZipFile(built.path) as archive:
        archive.extractall(folder)
    return folder


def served(root: Path, runtime: dict[str, Any]) -> dict[str, Any]:
    script = SCRIPT.replace("UNWANTED", repr(UNWANTED))
    environment = {"PATH": os.environ["PATH"], "TOOLKIT_RUNTIME": json.dumps(runtime)}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script, str(root), json.dumps(ROW)],
        capture_output=True, text=True, check=False, env=environment, cwd=root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def told(folder: Path, **more: Any) -> dict[str, Any]:
    values = {"auth": {"mode": "public"}, **more.pop("values", {})}
    store = {"provider": "local", "settings": {"store": str(folder / "store")}}
    return {"project": "p", "target": "test", "endpoint": "flights", "model": "flights", "ports": {"store": store},
            "values": values, **more}  # fmt: skip


def check(found: dict[str, Any]) -> None:
    assert found["found"] == [], "importable in the function"
    assert found["heard"] == []
    assert {name: status for name, status in found["statuses"].items() if status != 200} == {}


def test_a_baked_model_is_served_and_nothing_unpickles(tmp_path: Path) -> None:
    files = endpoints.bundled_files()
    root = bundled(tmp_path / "bundle", dict(files.files))
    check(served(root, told(tmp_path, model_version=1, model_digest=files.digest)))


def test_a_model_from_the_bucket_too(tmp_path: Path) -> None:
    """Its signature is checked there without `cryptography`, which is not in the bundle."""
    bucket = Bucket(open_store({"store": str(tmp_path / "store")}))
    bucket.announce(bucket.register(endpoints.bundled_files(), 1))
    root = bundled(tmp_path / "bundle", {})
    trusted = msgspec.to_builtins(TrustRoot(keys=(bucket.key.public,)))
    check(served(root, told(tmp_path, values={"bucket": {"trust": trusted, "seconds": 30.0}})))
