"""Every bad request of the tables has the status and the sentence it states, in its protocol's own shape."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client
from tests.serving.protocols import bad_rows, bad_tensors
from tests.serving.protocols.bad import SM, TFS, V2, VERTEX, Bad
from tests.serving.protocols.questions import JSON, all_of, made
from toolkit.serving.model import Model

TABLE: dict[str, Bad] = {**bad_tensors.TABLE, **bad_rows.TABLE}


def test_the_tables_are_long_enough() -> None:
    counted = Counter(name.partition(",")[0] for name in TABLE)
    assert counted.keys() == {"v2", "tfs", "sm", "mlflow", "vertex", "azure"}
    assert min(counted.values()) >= 10


def said(path: str, document: dict[str, Any], status: int) -> str:
    """The sentence, after checking that nothing else is in the shape."""
    if path == SM:
        assert document.keys() == {"error_code", "message"}
        sentence: str = document["message"]
        return sentence
    assert document.keys() == {"error"}
    error = document["error"]
    if path in (V2, TFS):
        assert isinstance(error, str)
        return error
    assert error.keys() == ({"code", "message", "status"} if path == VERTEX else {"code", "message"})
    assert error["code"] == (status if path == VERTEX else error["code"])
    return str(error["message"])


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_has_its_answer_and_the_worker_lives(binary: Model, name: str) -> None:
    bad = TABLE[name]
    app = made(binary)
    client = Client(app)
    body = bad.body if isinstance(bad.body, bytes) else msgspec.json.encode(bad.body)
    reply = client.request("POST", bad.path, body, bad.headers)
    assert (reply.status, reply.headers["content-type"]) == (bad.status, JSON), reply.content
    assert bad.says in said(bad.path, reply.json(), bad.status), reply.content
    assert len(reply.content) < 2_000
    assert app.measures.problems.total() == 1
    assert app.measures.rows == 0
    for question in ("v2", "tensorflow rows", "sagemaker CSV", "vertex", "azure rows"):
        good = all_of([ROW])[question]
        if good.path == bad.path:
            assert client.request("POST", good.path, good.body, good.headers).status == 200
