"""The table of foreign routes: right names only, errors in their own words, nothing imported before it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client, Files
from tests.serving.protocols.questions import INFO, made, tensors
from toolkit.domain.specs import Runtime
from toolkit.entry import inference
from toolkit.serving.app import Info
from toolkit.serving.model import Model
from toolkit.serving.protocols import routes

REPOSITORY = Path(__file__).parents[3]


def test_every_route_of_the_table_is_there(binary: Model) -> None:
    client = Client(made(binary))
    for entry in routes.TABLE:
        path = entry.path.format(model="flights", version=3)
        reply = client.request(entry.method, path)
        assert reply.status == (400 if entry.method == "POST" else 200), path
        other = client.request("DELETE", path)
        assert (other.status, entry.method in other.headers["allow"]) == (405, True)
    assert {"/ping", "/v1/models/flights:predict", "/v2/models/flights/versions/3/infer"} <= set(
        client.get("/").json()["paths"]
    )


@pytest.mark.parametrize("model", ["flight", "FLIGHTS", "flights2", "%66lights", ".."])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/models/{}"),
        ("GET", "/v2/models/{}/ready"),
        ("POST", "/v2/models/{}/infer"),
        ("POST", "/v2/models/{}/versions/3/infer"),
        ("GET", "/v1/models/{}"),
        ("POST", "/v1/models/{}:predict"),
        ("POST", "/v1/models/{}/versions/3:predict"),
    ],
)
def test_another_model_is_not_here(binary: Model, method: str, path: str, model: str) -> None:
    reply = Client(made(binary)).request(method, path.format(model), b"{}")
    assert (reply.status, list(reply.json())) == (404, ["error"])
    assert f"model {model!r} is not served" in reply.json()["error"].replace(" version '3'", "")


@pytest.mark.parametrize("version", ["1", "03", "latest", "3.0", "-3"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/models/flights/versions/{}"),
        ("GET", "/v2/models/flights/versions/{}/ready"),
        ("POST", "/v2/models/flights/versions/{}/infer"),
        ("GET", "/v1/models/flights/versions/{}"),
        ("POST", "/v1/models/flights/versions/{}:predict"),
    ],
)
def test_another_version_is_not_here(binary: Model, method: str, path: str, version: str) -> None:
    reply = Client(made(binary)).request(method, path.format(version), b"{}")
    assert reply.status == 404
    assert f"version {version!r} is not served here; there is 'flights' version 3" in reply.json()["error"]


@pytest.mark.parametrize("path", ["/v2/repository/index", "/v1/models/flights:classify", "/v2/models/flights/load"])
def test_what_nobody_has_is_refused_in_the_words_of_the_family(binary: Model, path: str) -> None:
    app = made(binary)
    reply = Client(app).post(path, {})
    assert (reply.status, list(reply.json())) == (404, ["error"])
    assert ("other", 404) in app.measures.requests


@pytest.mark.parametrize("path", ["/v2x", "/v1", "/invocations/", "/Ping", "/score/x"])
def test_what_is_no_family_is_a_problem(binary: Model, path: str) -> None:
    assert Client(made(binary)).get(path).json()["type"] == "urn:toolkit:problem:not-found"


def test_the_metrics_know_templates_not_paths(binary: Model) -> None:
    app = made(binary)
    client = Client(app)
    for model in ("flights", "a", "b", "c"):
        client.post(f"/v2/models/{model}/infer", {"inputs": tensors([ROW])})
    counted = {route for route, _ in app.measures.requests}
    assert counted == {"/v2/models/{model}/infer"}


class Failing:
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("secret")


FAILED = {
    "/v2/models/flights/infer": {"error": "the request failed in the server; its log says why"},
    "/v1/models/flights:predict": {"error": "the request failed in the server; its log says why"},
    "/invocations": {"error_code": "INTERNAL_ERROR", "message": "the request failed in the server; its log says why"},
    "/score": {
        "error": {"code": "InternalServerError", "message": "the request failed in the server; its log says why"}
    },
    "/vertex": {
        "error": {"code": 500, "message": "the request failed in the server; its log says why", "status": "INTERNAL"}
    },
}


@pytest.mark.parametrize("path", FAILED)
def test_a_failing_server_says_so_in_their_shape(binary: Model, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    app = made(binary)
    app.validator = Failing()  # type: ignore[assignment]
    bodies = {"/v2/models/flights/infer": {"inputs": tensors([ROW])}, "/score": {"data": [ROW]}}
    reply = Client(app).post(path, bodies.get(path, {"instances": [ROW]}), **{"x-request-id": "r-1"})
    assert (reply.status, reply.json()) == (500, FAILED[path])
    assert reply.headers["x-request-id"] == "r-1"
    logged = capsys.readouterr().err
    assert "secret" in logged
    assert "request r-1" in logged


def test_vertex_may_take_a_path_of_ours(binary: Model) -> None:
    client = Client(made(binary, info=Info(version=3, vertex_predict="/predict", vertex_health="/")))
    assert client.get("/").json() == {"status": "ok"}
    assert list(client.post("/predict", {"instances": [ROW]}).json()) == ["predictions"]
    assert client.post("/predict", {"records": [ROW]}).json()["error"]["status"] == "INVALID_ARGUMENT"
    document = client.get("/openapi.json").json()
    assert document["paths"]["/predict"]["post"]["tags"] == ["Vertex AI"]
    client = Client(made(binary, info=Info(version=3, vertex_predict="/")))
    assert client.get("/").json()["model"] == "flights"  # the method that Vertex did not take
    assert client.post("/", {"instances": [ROW]}).status == 200


def test_one_path_may_be_both_of_vertex(binary: Model) -> None:
    assert INFO.vertex_predict == INFO.vertex_health
    client = Client(made(binary))
    assert client.get("/vertex").json() == {"status": "ok"}
    assert client.post("/vertex", {"instances": [ROW]}).status == 200
    assert client.request("PUT", "/vertex").status == 405


def test_vertex_says_its_routes_in_the_environment(
    binary_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    for name, data in binary_files.files.items():
        (tmp_path / "model" / name).write_bytes(data)
    values = {"auth": {"mode": "platform"}}
    runtime = Runtime(project="p", target="t", model_version=3, model_digest=binary_files.digest, values=values)
    monkeypatch.setenv("TOOLKIT_RUNTIME", msgspec.json.encode(runtime).decode())
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/v1/endpoints/1/deployedModels/2:predict")
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/v1/endpoints/1/deployedModels/2")
    client = Client(inference.application(tmp_path))
    assert client.get("/v1/endpoints/1/deployedModels/2").status == 200
    assert len(client.post("/v1/endpoints/1/deployedModels/2:predict", {"instances": [ROW]}).json()["predictions"]) == 1


ASK = """
import asyncio, json, sys
from pathlib import Path
from toolkit.serving.app import create_app
from toolkit.serving.model import load
app = create_app(load(Path(sys.argv[1]), sys.argv[2]))

def ask(method, path, body):
    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}
    sent = []
    async def send(message):
        sent.append(message)
    headers = [(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")] if path == "/ping" else []
    asyncio.run(app({"type": "http", "method": method, "path": path, "headers": headers}, receive, send))
    assert sent[0]["status"] == 200, sent
    names = ("toolkit.serving.protocols", "toolkit.serving.trace", "toolkit.serving.about")
    print(json.dumps(sorted(name for name in sys.modules if name.startswith(names))))

ask("POST", "/predict", sys.argv[3].encode())
ask("GET", "/healthz", b"")
ask("GET", "/ping", b"")
"""


@pytest.mark.slow
def test_nothing_of_a_protocol_is_loaded_before_it_is_asked_for(binary_files: Files, tmp_path: Path) -> None:
    import json

    for name, data in binary_files.files.items():
        (tmp_path / name).write_bytes(data)
    command = [sys.executable, "-c", ASK, str(tmp_path), binary_files.digest, json.dumps(ROW)]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    predicted, healthy, pinged = [json.loads(line) for line in done.stdout.splitlines()]
    assert predicted == healthy == []
    assert {"toolkit.serving.protocols.sagemaker", "toolkit.serving.trace"} <= set(pinged)
    assert not {
        f"toolkit.serving.protocols.{name}" for name in ("v2", "tensors", "tensorflow", "azure", "table")
    } & set(pinged)
