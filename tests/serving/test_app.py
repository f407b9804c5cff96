"""What the endpoint answers when all is well, and when the server itself fails."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client
from toolkit.serving import ids, routing
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.model import Model


def test_a_prediction_names_its_model_and_has_an_id(client: Client) -> None:
    reply = client.post("/predict", {"records": [ROW, ROW]})
    document = reply.json()
    assert (reply.status, document["model"], document["version"]) == (200, "flights", 3)
    first, second = document["predictions"]
    assert first.keys() == {"id", "label", "probabilities"}
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert max(first["probabilities"], key=first["probabilities"].__getitem__) == first["label"]
    assert [i.rpartition("-")[2] for i in (first["id"], second["id"])] == ["0", "1"]
    assert ids.moment_ms(first["id"]) is not None
    assert reply.headers["content-type"] == "application/json"
    assert int(reply.headers["content-length"]) == len(reply.content)


def test_every_shape_of_body_gives_the_same_answer(client: Client) -> None:
    columns = {name: [value] for name, value in ROW.items()}
    bodies: list[Any] = [ROW, [ROW], {"records": [ROW]}, {"instances": [ROW]}, {"columns": columns}]
    answers = [client.post("/predict", body).json()["predictions"][0] for body in bodies]
    for answer in answers:
        del answer["id"]
    assert all(answer == answers[0] for answer in answers)


def test_a_regression_answers_a_value_and_many_classes_a_share_each(regression: Model, multiclass: Model) -> None:
    answer = Client(create_app(regression)).post("/predict", ROW).json()["predictions"][0]
    assert answer.keys() == {"id", "value"}
    assert isinstance(answer["value"], float)
    answer = Client(create_app(multiclass)).post("/predict", ROW).json()["predictions"][0]
    assert list(answer["probabilities"]) == list(multiclass.signature.classes)


def test_the_other_routes(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    described = client.get("/").json()
    assert (described["model"], described["task"], described["classes"]) == ("flights", "binary", ["late", "on time"])
    assert described["features"][1] == {"name": "distance", "dtype": "int64", "nullable": False}
    client.post("/predict", [ROW, ROW])
    metrics = client.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"toolkit_rows_total 2\n" in metrics.content
    assert b'toolkit_requests_total{route="/predict",status="200"} 1\n' in metrics.content


def test_head_answers_as_get_without_a_body(client: Client) -> None:
    got, head = client.get("/healthz"), client.request("HEAD", "/healthz")
    assert (head.status, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-123.X_y", True), ("a" * 128, True), ("a" * 129, False), ("a b", False), ("<script>", False), ("", False)],
)
def test_a_request_id_is_passed_through_if_it_is_harmless(client: Client, given: str, kept: bool) -> None:
    reply = client.request("GET", "/healthz", headers={"x-request-id": given})
    assert (reply.headers["x-request-id"] == given) is kept
    assert reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/nowhere"), ("POST", "/predict"), ("GET", "/metrics")]
)
def test_every_answer_has_the_security_headers_and_no_cors(client: Client, method: str, path: str) -> None:
    headers = client.request(method, path, headers={"origin": "https://elsewhere.example"}).headers
    for name, value in routing.SAFE:
        assert headers[name.decode()] == value.decode()
    assert not [name for name in headers if name.startswith("access-control")]


class Failing:
    """A model that fails as told, and otherwise is the real one."""

    def __init__(self, model: Model, error: BaseException) -> None:
        self._model, self._error = model, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def answer_row(self, row: Any) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (RuntimeError("secret detail"), 500, "internal"),
        (MemoryError(), 503, "out-of-memory"),
        (RecursionError(), 500, "internal"),
    ],
)
def test_a_failing_server_answers_and_logs(
    app: App, binary: Model, capsys: pytest.CaptureFixture[str], error: Exception, status: int, kind: str
) -> None:
    app.model = Failing(binary, error)  # type: ignore[assignment]
    client = Client(app)
    reply = client.post("/predict", ROW)
    assert (reply.status, reply.json()["type"]) == (status, f"urn:toolkit:problem:{kind}")
    assert b"secret" not in reply.content
    logged = capsys.readouterr().err
    assert ("secret detail" in logged) is (isinstance(error, RuntimeError) and bool(error.args))
    app.model = binary
    assert client.post("/predict", ROW).status == 200


def test_nothing_is_logged_when_all_is_well_or_the_client_is_wrong(
    client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    client.post("/predict", ROW)
    client.post("/predict", {"records": 1})
    client.get("/nowhere")
    assert capsys.readouterr() == ("", "")


def test_a_client_that_goes_away_is_not_answered(client: Client, app: App) -> None:
    assert client.request("POST", "/predict", []).status == 0
    assert app.measures.problems["disconnected"] == 1


def test_lifespan_is_answered_and_websockets_are_closed(app: App) -> None:
    async def talk(kind: str, *incoming: str) -> list[str]:
        pending, sent = [{"type": name} for name in incoming], []

        async def receive() -> dict[str, Any]:
            return pending.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        await app({"type": kind}, receive, send)
        return sent

    answered = asyncio.run(talk("lifespan", "lifespan.startup", "lifespan.shutdown"))
    assert answered == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert asyncio.run(talk("websocket", "websocket.connect")) == ["websocket.close"]


def test_a_request_may_say_when_it_happened_only_in_a_replay(binary: Model) -> None:
    headers = {"x-toolkit-time": "2013-07-01T12:00:00Z"}
    noon = 1_372_680_000_000
    for replay in (True, False):
        reply = Client(create_app(binary, info=Info(replay=replay))).post("/predict", ROW, **headers)
        moment = ids.moment_ms(reply.json()["predictions"][0]["id"])
        assert (moment == noon) is replay


@pytest.mark.parametrize("value", ["yesterday", "", "0001-01-01T00:00:00+10:00", "\xff"])
def test_a_bad_time_is_refused(binary: Model, value: str) -> None:
    client = Client(create_app(binary, info=Info(replay=True)))
    reply = client.post("/predict", ROW, **{"x-toolkit-time": value})
    assert (reply.status, reply.json()["type"]) == (400, "urn:toolkit:problem:bad-time")


def test_a_thousand_calls_load_one_model(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "InferenceSession", None)  # any further load would fail
    body = msgspec.json.encode(ROW)
    assert {client.request("POST", "/predict", body).status for _ in range(1000)} == {200}
