"""What is promised of every route: ids, traces, security headers, metrics, and errors in its protocol's own shape."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.serving.endpoints import ROW, Client
from tests.serving.protocols.questions import INFO
from toolkit.serving import about
from toolkit.serving.app import App, create_app
from toolkit.serving.model import Model
from toolkit.serving.protocols import routes
from toolkit.serving.routing import DOCS

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = {"x-request-id": "mine-1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01", "content-type": "application/json"}
CONTINUED = re.compile(rf"00-{TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{{16}}-01")
SAFE = {"x-content-type-options": "nosniff", "cache-control": "no-store", "referrer-policy": "no-referrer"}


@pytest.fixture(scope="module")
def app(sampled: Model) -> App:
    return create_app(sampled, info=INFO)


@pytest.fixture(scope="module")
def client(app: App) -> Client:
    return Client(app)


def templates(app: App) -> dict[tuple[str, str], str]:
    """(method, path) -> its name in the metrics, which holds no name that a caller chose."""
    named = {"model": app.model.name, "version": str(app.info.version)}
    found = {(method, path): route.label for path, route in app.routes.items() for method in route.methods}
    found |= {("GET", path): "docs" for path in DOCS}
    return found | {(e.method, e.path.format(**named)): e.path for e in routes.TABLE}


def checked(reply: Any) -> None:
    assert reply.headers["x-request-id"] == "mine-1"
    assert CONTINUED.fullmatch(reply.headers["traceparent"])
    assert "access-control-allow-origin" not in reply.headers
    for name, value in SAFE.items():
        assert reply.headers[name] == value
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]


def test_every_route_keeps_every_promise(app: App, client: Client) -> None:
    labels = templates(app)
    assert set(labels) == set(about.table(app))
    for (method, path), label in labels.items():
        before = {status: app.measures.requests[label, status] for status in (200, 400, 422, 501)}
        reply = client.request(method, path, b"[]" if method == "POST" else b"", SENT)
        checked(reply)
        assert reply.status in before, (method, path)
        assert app.measures.requests[label, reply.status] == before[reply.status] + 1, (method, path)
        assert f'route="{label}",status="{reply.status}"' in client.get("/metrics").content.decode()


def test_every_path_refuses_other_methods_and_says_which_it_takes(app: App, client: Client) -> None:
    for path in {path for _, path in about.table(app)}:
        taken = {method for method, other in about.table(app) if other == path}
        for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - taken:
            reply = client.request(method, path, b"", SENT)
            checked(reply)
            assert reply.status == 405, (method, path)
            assert set(reply.headers["allow"].split(", ")) == taken | ({"HEAD"} if "GET" in taken else set())


def test_every_failure_is_a_problem_or_the_protocols_own(app: App, client: Client) -> None:
    """RFC 9457 of ours; `error` of V2 and TensorFlow Serving, error_code of SageMaker, `error.code` of the clouds."""
    shapes: dict[str, Callable[[Any], bool]] = {
        "v2": lambda d: isinstance(d["error"], str),
        "tensorflow": lambda d: isinstance(d["error"], str),
        "sagemaker": lambda d: {"error_code", "message"} <= d.keys(),
        "azure": lambda d: {"code", "message"} <= d["error"].keys(),
        "vertex": lambda d: {"code", "message", "status"} <= d["error"].keys(),
    }
    protocols = {e.path.format(model=app.model.name, version=app.info.version): e.protocol for e in routes.TABLE}
    protocols["/vertex"] = "vertex"
    for method, path in about.table(app):
        if method == "POST":
            reply = client.request(method, path, b"{", SENT)
            document = reply.json()
            if path in protocols:
                assert shapes[protocols[path]](document), (path, document)
                assert reply.headers["content-type"] == "application/json"
            else:
                assert reply.headers["content-type"] == "application/problem+json"
                assert document["type"].startswith("urn:toolkit:problem:")
                assert (document["status"], document["request_id"]) == (reply.status, "mine-1")
                assert document["title"]
                assert document["detail"]


def test_a_trace_that_is_none_is_left_out(client: Client) -> None:
    for path in ("/predict", "/docs", "/openapi.json", "/v2"):
        reply = client.request("GET", path, b"", {"traceparent": "00-" + "0" * 32 + "-00f067aa0ba902b7-01"})
        assert "traceparent" not in reply.headers


def test_pages_are_counted_with_what_they_cost(app: App, client: Client) -> None:
    before = app.measures.requests["docs", 200]
    client.get("/openapi.json")
    assert app.measures.requests["docs", 200] == before + 1
    assert app.measures._seconds["docs"] > 0


def test_predictions_of_every_protocol_carry_ids_that_feedback_takes(client: Client) -> None:
    assert client.post("/score", {"data": [ROW]}).json()[0]["id"]
    for path in ("/invocations", "/v1/models/flights:predict"):
        assert re.fullmatch("[0-9a-f]{22}", client.post(path, {"instances": [ROW]}).headers["x-prediction-id"])
