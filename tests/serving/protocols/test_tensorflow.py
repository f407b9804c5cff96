"""What is particular to TensorFlow Serving's REST API: status, b64, the shape of each answer."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.serving.endpoints import ROW, Client
from tests.serving.protocols.questions import made, read_instances
from toolkit.serving.model import Model

PREDICT = "/v1/models/flights:predict"


@pytest.fixture
def client(binary: Model) -> Client:
    return Client(made(binary))


@pytest.mark.parametrize("path", ["/v1/models/flights", "/v1/models/flights/versions/3"])
def test_status(client: Client, path: str) -> None:
    state = {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    assert client.get(path).json() == {"model_version_status": [state]}


def test_a_classifier_answers_both_of_its_outputs(client: Client) -> None:
    by_row = client.post(PREDICT, {"instances": [ROW, ROW]}).json()
    assert list(by_row) == ["predictions"]
    assert [list(row) for row in by_row["predictions"]] == [["label", "probabilities"]] * 2
    by_column = client.post(PREDICT, {"inputs": {name: [value] for name, value in ROW.items()}}).json()
    assert by_column == {"outputs": {name: [value] for name, value in by_row["predictions"][0].items()}}


def test_a_regression_answers_numbers(regression: Model) -> None:
    client = Client(made(regression))
    (value,) = client.post(PREDICT, {"instances": [ROW]}).json()["predictions"]
    assert isinstance(value, float)
    assert client.post(PREDICT, {"inputs": {n: [[v]] for n, v in ROW.items()}}).json() == {"outputs": [value]}


@pytest.mark.parametrize("wrapped", [True, False])
def test_text_may_be_base64(client: Client, wrapped: bool) -> None:
    coded: Any = {"b64": base64.b64encode("né".encode()).decode()}
    coded = [coded] if wrapped else coded
    expected = read_instances(client.post(PREDICT, {"instances": [{**ROW, "origin": "né"}]}))
    assert read_instances(client.post(PREDICT, {"instances": [{**ROW, "origin": coded}]})) == expected
    columns = {name: [coded if name == "origin" else value] for name, value in ROW.items()}
    answered = client.post(PREDICT, {"inputs": columns}).json()["outputs"]
    assert [(answered["label"][0], answered["probabilities"][0])] == expected


@pytest.mark.parametrize("name", ["", "serving_default"])
def test_the_signature_may_be_named(client: Client, name: str) -> None:
    assert client.post(PREDICT, {"instances": [ROW], "signature_name": name}).status == 200
