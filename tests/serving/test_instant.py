"""The short way answers byte for byte what the application answers, remembers the same, and leaves the rest to it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client
from toolkit.quality.baseline import Baseline
from toolkit.quality.counter import Counter
from toolkit.serving import auth, batching, ids
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.capture import Capture
from toolkit.serving.model import Model
from toolkit.serving.settings import Auth, Batching, CaptureSettings, Limits
from toolkit.serving.validate import Validator

DATE = b"Mon, 23 Nov 2026 12:00:00 GMT"
JSON = (b"content-type", b"application/json")


@pytest.fixture(params=[None, Batching()], ids=["plain", "batching"])
def app(
    request: pytest.FixtureRequest, binary: Model, store: Any, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
) -> App:
    monkeypatch.setattr(batching, "INLINE", 1e9)  # fast enough, however busy this machine is
    settings = CaptureSettings(seconds=1e9)
    capture = Capture(
        store, binary, target="dev", endpoint="flights", version=3, counter=lambda: Counter(baseline),
        settings=settings, clock=lambda: 1.0,
    )  # fmt: skip
    limits = Limits(max_rows=50, max_body=20_000)
    return create_app(binary, capture=capture, info=Info(version=3), limits=limits, batching=request.param)


def body(*rows: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"records": list(rows)})


def parted(response: bytes | None) -> tuple[bytes, dict[str, str], bytes]:
    assert response is not None
    head, _, content = response.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    return status, dict(line.decode().split(": ", 1) for line in lines), content


def test_as_the_application_answers(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "prefix", lambda moment: "0" * ids.LENGTH)
    for given in ({}, {"x-request-id": "mine-1"}, {"x-request-id": "not valid\x00"}):
        sent = [JSON, *((k.encode(), v.encode()) for k, v in given.items())]
        for row in (ROW, {**ROW, "delay": None}, {**ROW, "day": "2013-07-02T10:00:00+02:00"}):
            status, headers, content = parted(app.instantly(sent, body(row), DATE))
            expected = Client(app).post("/predict", {"records": [row]}, **given)
            assert (status, content) == (b"HTTP/1.1 200 OK", expected.content)
            assert headers == {**expected.headers, "date": DATE.decode()}


def test_both_count_and_capture_alike(app: App) -> None:
    assert app.capture is not None
    for number in range(1, 4):
        app.instantly([JSON], body(ROW), DATE)
        Client(app).post("/predict", {"records": [ROW]})
        assert app.measures.rows == 2 * number == app.capture.counts["capture_rows_total"]
        assert app.measures.requests["/predict", 200] == 2 * number
        assert sum(app.measures._buckets["/predict"]) == 2 * number


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ([JSON], b""),
        ([JSON], b"{"),
        ([JSON], body()),
        ([JSON], body(ROW, ROW)),
        ([JSON], body({**ROW, "delay": "late"})),
        ([JSON], body({**ROW, "other": 1})),
        ([JSON], body(ROW) + b" " * 20_000),
        ([(b"content-type", b"text/plain")], body(ROW)),
        ([JSON, (b"content-encoding", b"gzip")], body(ROW)),
        ([JSON, (b"traceparent", b"00-1-1-00")], body(ROW)),
        ([JSON, (b"x-toolkit-time", b"2013-07-01T12:00:00Z")], body(ROW)),
    ],
)
def test_everything_else_is_the_applications(app: App, headers: list[tuple[bytes, bytes]], data: bytes) -> None:
    assert app.instantly(headers, data, DATE) is None
    assert not app.measures.rows
    assert not app.measures.requests


def test_a_failure_of_the_model_leaves_no_trace(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(row: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(app.model, "_row", failing)
    assert app.instantly([JSON], body(ROW), DATE) is None
    assert not app.measures.requests
    assert Client(app).post("/predict", {"records": [ROW]}).status == 503


def test_what_is_due_to_be_written_is_written_after_an_answer_of_the_application(app: App) -> None:
    assert app.capture is not None
    app.capture.add(
        ids.prefix(0), 0, app.validator.batch(body(ROW)), app.model.answer_row((1, 2, True, "AA", "A", 1, 1))
    )
    app.capture._clock = lambda: 1e10
    assert app.capture.due()
    assert app.instantly([JSON], body(ROW), DATE) is None


def test_a_retired_version_answers_nothing(app: App) -> None:
    app.retire()
    assert app.instantly([JSON], body(ROW), DATE) is None


def test_the_typed_way_alone(binary: Model) -> None:
    validator = Validator(binary.signature, Limits(max_rows=2))
    assert validator.typed(body(ROW, ROW, ROW)) is None
    assert validator.typed(body({**ROW, "distance": 3.0})) is None  # right, and read by hand
    assert validator.batch(body({**ROW, "distance": 3.0})).rows == 1


def test_behind_a_guard_only_for_a_token_that_is_right(app: App) -> None:
    right = hashlib.sha256(b"secret").hexdigest()
    guard = auth.guarded(app, Auth(mode="token", tokens=(right,)))
    bearer = b"authorization"
    assert parted(guard.instantly([JSON, (bearer, b"Bearer secret")], body(ROW), DATE))[0] == b"HTTP/1.1 200 OK"
    before = app.measures.rows
    wrong: list[list[tuple[bytes, bytes]]] = [[], [(bearer, b"Bearer other")], [(bearer, b"secret")], [(bearer, b"")]]
    for given in wrong:
        assert guard.instantly([JSON, *given], body(ROW), DATE) is None
    assert auth.guarded(app, Auth(mode="closed")).instantly([JSON, (bearer, b"Bearer secret")], body(ROW), DATE) is None
    assert app.measures.rows == before


def test_several_rows_are_not_read_twice_and_one_row_by_columns_is_answered(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bytes] = []
    typed = app.validator.typed

    def reading(given: bytes) -> Any:
        read.append(given)
        return typed(given)

    monkeypatch.setattr(app.validator, "typed", reading)
    many = [body(ROW, ROW), msgspec.json.encode([ROW, ROW]), columns(2)]
    assert [app.instantly([JSON], one, DATE) for one in many] == [None] * 3
    assert not read
    monkeypatch.setattr(ids, "prefix", lambda moment: "0" * ids.LENGTH)
    answers = {parted(app.instantly([JSON], one, DATE))[2] for one in (body(ROW), columns(1), msgspec.json.encode(ROW))}
    assert len(answers) == 1
    assert len(read) == 3


def columns(rows: int) -> bytes:
    return msgspec.json.encode({"columns": {name: [value] * rows for name, value in ROW.items()}})
