"""Every protocol, asked in every way with the same rows, answers what /predict answers, and is remembered as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving.endpoints import Client
from tests.serving.protocols.questions import ROWS, all_of, answers, ask, made
from toolkit.domain import codec
from toolkit.ports.store import Store
from toolkit.serving import capture as captures
from toolkit.serving.capture import Capture, Captured
from toolkit.serving.model import Model
from toolkit.serving.settings import CaptureSettings

WAYS = list(all_of(ROWS))


@pytest.mark.parametrize("rows", [1, len(ROWS)])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_the_same_rows_have_the_same_answers(kind: str, way: str, rows: int, request: pytest.FixtureRequest) -> None:
    client = Client(made(request.getfixturevalue(kind)))
    expected = answers(client.post("/predict", ROWS[:rows]).json()["predictions"])
    question = all_of(ROWS[:rows])[way]
    reply = ask(client, question)
    assert reply.status == 200, reply.content
    assert question.read(reply) == expected


@pytest.mark.parametrize("way", WAYS)
def test_predictions_are_counted_captured_and_can_be_labelled(way: str, binary: Model, store: Store) -> None:
    capture = Capture(
        store,
        binary,
        target="dev",
        endpoint="flights",
        version=3,
        counter=None,
        settings=CaptureSettings(wait=5.0, features=True),
    )
    app = made(binary, capture)
    question = all_of(ROWS)[way]
    reply = ask(Client(app), question)
    assert app.measures.rows == len(ROWS)
    assert capture.counts["capture_rows_total"] == len(ROWS)
    (key,) = [meta.key for meta in store.list("captures/")]
    captured = codec.decode(store.get(key).data, Captured)
    rows = list(captures.read(captured))
    assert [row.label for row in rows] == [label for label, _ in question.read(reply)]
    assert captured.features["distance"] == [row["distance"] for row in ROWS]
    assert captured.features["origin"] == [row["origin"] for row in ROWS]
    given = reply.headers.get("x-prediction-id")
    if given is None:
        items: Any = reply.json()
        first = (items if isinstance(items, list) else items["predictions"])[0]["id"]
        given = first.removesuffix("-0")
    assert [row.id for row in rows] == [f"{given}-{i}" for i in range(len(ROWS))]


@pytest.mark.parametrize("way", WAYS)
def test_the_same_limits_hold(way: str, binary: Model) -> None:
    app = made(binary)
    app.limits = app.validator.limits = type(app.limits)(max_rows=len(ROWS) - 1)
    reply = ask(Client(app), all_of(ROWS)[way])
    assert reply.status == 413
    assert app.measures.problems["too-many-rows"] == 1
    assert app.measures.rows == 0
