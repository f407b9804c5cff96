"""Labels are in the bucket when they are answered, filed by the day of their prediction."""

from __future__ import annotations

from typing import Any

import pytest

from tests.serving.endpoints import ROW, Client
from toolkit.domain import codec
from toolkit.domain.errors import Unavailable
from toolkit.ports.store import Store
from toolkit.serving import ids
from toolkit.serving.app import Info, create_app
from toolkit.serving.feedback import Feedback, Labels
from toolkit.serving.model import Model
from toolkit.serving.settings import Limits

NOON = 1_372_680_000_000
DAY = 86_400_000


def client_of(model: Model, store: Any) -> Client:
    feedback = Feedback(store, model.signature, target="dev", endpoint="flights", limits=Limits(max_rows=200))
    return Client(create_app(model, feedback=feedback, info=Info(replay=True)))


def stored(store: Store) -> list[Labels]:
    return [codec.decode(store.get(meta.key).data, Labels) for meta in store.list("feedback/dev/flights/")]


def some_id(moment: int = NOON) -> str:
    return f"{ids.prefix(moment)}-0"


def test_a_label_joins_its_prediction(binary: Model, store: Store) -> None:
    client = client_of(binary, store)
    made = client.post("/predict", [ROW, ROW], **{"x-toolkit-time": "2013-07-01T12:00:00Z"}).json()["predictions"]
    reply = client.post("/feedback", {"feedback": [{"id": p["id"], "label": "late"} for p in made]})
    assert (reply.status, reply.json()) == (200, {"stored": 2})
    (labels,) = stored(store)
    assert (labels.ids, labels.labels) == ([p["id"] for p in made], ["late", "late"])
    assert (labels.day, labels.endpoint) == ("2013-07-01T00:00:00Z", "flights")
    assert next(store.list("feedback/")).key.startswith("feedback/dev/flights/20130701T000000.")


def test_labels_of_many_days_are_filed_by_day(binary: Model, store: Store) -> None:
    items = [{"id": some_id(NOON + day * DAY), "label": "late"} for day in (0, 1, 1, 40)]
    assert client_of(binary, store).post("/feedback", items).json() == {"stored": 4}
    assert [len(labels.ids) for labels in stored(store)] == [1, 2, 1]


def test_one_label_by_itself_and_the_same_label_twice(binary: Model, store: Store) -> None:
    client, item = client_of(binary, store), {"id": some_id(), "label": "on time"}
    assert client.post("/feedback", item).json() == client.post("/feedback", item).json() == {"stored": 1}
    assert len(stored(store)) == 2


@pytest.mark.parametrize(("given", "kept"), [(10, "10"), (10.0, "10"), ("10", "10"), ("10.0", "10"), (0, "0")])
def test_a_class_may_be_spelled_as_a_number(multiclass: Model, store: Store, given: Any, kept: str) -> None:
    assert client_of(multiclass, store).post("/feedback", {"id": some_id(), "label": given}).status == 200
    assert stored(store)[0].labels == [kept]


def test_booleans_find_their_class() -> None:
    from tests.serving.endpoints import FEATURES
    from toolkit.domain.records import Signature

    signature = Signature(task="binary", features=FEATURES, label="x", classes=("False", "True"))
    feedback = Feedback(None, signature, target="dev", endpoint="e", limits=Limits())  # type: ignore[arg-type]
    assert [feedback._label(value) for value in (True, False, "true", "False", "yes")] == [
        "True", "False", "True", "False", None
    ]  # fmt: skip


def test_labels_of_a_regression_are_numbers(regression: Model, store: Store) -> None:
    client = client_of(regression, store)
    assert client.post("/feedback", {"id": some_id(), "label": 3}).status == 200
    assert stored(store)[0].labels == [3.0]
    for label in ("3", True, None, [1]):
        reply = client.post("/feedback", {"id": some_id(), "label": label})
        assert (reply.status, reply.json()["errors"][0]["field"]) == (422, "label")
    assert client.request("POST", "/feedback", b'{"id": "%s", "label": 1e999}' % some_id().encode()).status == 422


@pytest.mark.parametrize(
    ("document", "status", "says"),
    [
        ({}, 422, "expected exactly"),
        ([], 422, "at least one"),
        ({"feedback": []}, 422, "at least one"),
        ({"feedback": {}}, 422, "at least one"),
        ({"feedback": None}, 422, "at least one"),
        ({"feedback": [{"id": "x", "label": "late"}]}, 422, "'x' is not the id of a prediction"),
        ({"feedback": [{"id": 5, "label": "late"}]}, 422, "'5' is not the id"),
        ({"feedback": [{"id": some_id()}]}, 422, "expected exactly"),
        ({"feedback": [{"id": some_id(), "label": "late", "x": 1}]}, 422, "expected exactly"),
        ({"feedback": [5]}, 422, "expected exactly"),
        ({"feedback": [{"id": some_id(), "label": "late"}], "x": 1}, 422, "unknown field beside 'feedback'"),
        ({"id": some_id(), "label": "later"}, 422, "'later' is none of the model's classes: 'late', 'on time'"),
        ({"id": some_id(), "label": None}, 422, "none of the model's classes"),
        ({"id": some_id(), "label": ["late"]}, 422, "none of the model's classes"),
        ([{"id": some_id(), "label": "late"}] * 201, 413, "201 labels"),
        ([{"id": some_id(NOON + day * DAY), "label": "late"} for day in range(101)], 413, "101 days"),
        ("late", 422, "at least one"),
        (5, 422, "at least one"),
        ({"id": "f" * 22 + "-0", "label": "late"}, 422, "is not the id"),
    ],
)
def test_what_is_no_feedback(binary: Model, store: Store, document: Any, status: int, says: str) -> None:
    reply = client_of(binary, store).post("/feedback", document)
    assert (reply.status, says in reply.json()["detail"]) == (status, True), reply.json()
    assert stored(store) == []


def test_findings_are_bounded(binary: Model, store: Store) -> None:
    reply = client_of(binary, store).post("/feedback", [{"id": "x", "label": "late"}] * 100)
    assert len(reply.json()["errors"]) == Limits().max_findings


def test_a_store_that_refuses_is_a_503_to_be_tried_again(binary: Model) -> None:
    class Refusing:
        def put(self, *arguments: Any) -> None:
            raise Unavailable("secret host does not answer")

    reply = client_of(binary, Refusing()).post("/feedback", {"id": some_id(), "label": "late"})
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    assert b"secret" not in reply.content
