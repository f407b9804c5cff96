"""What is particular to /ping and /invocations: CSV cells, headers, what is asked for by Accept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.serving.endpoints import ROW, Client
from tests.serving.protocols.questions import CSV, JSON, LINES, NAMES, ROWS, as_csv, made, read_predictions
from toolkit import __version__
from toolkit.serving.model import Model

PATH = "/invocations"


@pytest.fixture
def client(binary: Model) -> Client:
    return Client(made(binary))


def predicted(client: Client, **changes: Any) -> list[Any]:
    return read_predictions(client.post(PATH, [{**ROW, **changes}]))


def of_csv(client: Client, body: bytes, content_type: str = CSV) -> list[Any]:
    reply = client.request("POST", PATH, body, {"content-type": content_type})
    assert reply.status == 200, reply.content
    return read_predictions(reply)


def test_ping_is_empty(client: Client) -> None:
    reply = client.get("/ping")
    assert (reply.status, reply.content, reply.headers["content-length"]) == (200, b"", "0")


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("delay", "", None),
        ("delay", "nan", None),
        ("delay", "NaN", None),
        ("delay", " 1.5 ", 1.5),
        ("delay", "-1e3", -1000.0),
        ("delay", "7", 7.0),
        ("distance", "600", 600),
        ("distance", "600.0", 600),
        ("distance", "6e2", 600),
        ("distance", "-5", -5),
        ("rain", "", None),
        ("rain", "TRUE", True),
        ("rain", "False", False),
        ("rain", "1", True),
        ("rain", "0.0", False),
        ("carrier code", "", None),
        ("carrier code", " AA", " AA"),
        ("carrier code", "7", "7"),
        ("carrier code", "nan", "nan"),
        ("origin", "", ""),
        ("hour", "", None),
        ("hour", "2013-07-01 12:00:00", "2013-07-01T12:00:00Z"),
        ("day", " 2013-07-01", "2013-07-01"),
    ],
)
def test_a_cell_is_what_its_feature_is(client: Client, name: str, cell: str, value: Any) -> None:
    line = ",".join(cell if n == name else str(ROW[n]) for n in NAMES)
    assert of_csv(client, line.encode()) == predicted(client, **{name: value})


def test_a_header_may_leave_out_what_may_be_null(client: Client) -> None:
    body = b"day, origin ,distance\n2013-07-01,JFK,500\n\n2013-07-01,JFK,500\n"
    nulls = {"delay": None, "rain": None, "carrier code": None, "hour": None}
    assert of_csv(client, body) == predicted(client, **nulls) * 2


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"", b"\n\n"])
def test_how_lines_end_does_not_matter(client: Client, end: bytes) -> None:
    body = as_csv([ROW], True).rstrip().replace(b"\r\n", end or b"\n") + end
    assert of_csv(client, body) == predicted(client)


@pytest.mark.parametrize(
    "content_type", ["text/csv; header=present", "text/csv;charset=utf-8;header=present", "TEXT/CSV"]
)
def test_a_header_may_be_said(client: Client, content_type: str) -> None:
    assert of_csv(client, b"\xef\xbb\xbf" + as_csv([ROW], True), content_type) == predicted(client)


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/html, application/jsonlines;q=0.5", LINES),
        ("TEXT/CSV", CSV),
        ("application/json, text/csv", JSON),
    ],
)
def test_the_answer_is_what_accept_asks_for(client: Client, accept: str, answered: str) -> None:
    reply = client.post(PATH, {"instances": [ROW]}, accept=accept)
    assert (reply.status, reply.headers["content-type"]) == (200, answered)


@pytest.mark.parametrize("content_type", ["text/csv; header=present; charset=latin-1", "text/csv;charset=utf-16"])
def test_another_charset_is_refused(client: Client, content_type: str) -> None:
    assert client.request("POST", PATH, as_csv([ROW], True), {"content-type": content_type}).status == 415


def test_a_regression_in_csv_is_a_value_a_line(regression: Model) -> None:
    client = Client(made(regression))
    reply = client.post(PATH, {"instances": [ROW, ROW]}, accept=CSV)
    values = [float(line) for line in reply.content.splitlines()]
    assert values == [item["value"] for item in client.post("/predict", [ROW, ROW]).json()["predictions"]]


def test_split_without_columns_is_in_the_order_of_the_features(client: Client) -> None:
    reply = client.post(PATH, {"dataframe_split": {"data": [[ROW[name] for name in NAMES]]}, "params": {"a": 1}})
    assert read_predictions(reply) == predicted(client)


@pytest.mark.parametrize("key", ["dataframe_split", "dataframe_records", "inputs", "columns"])
def test_nan_is_how_mlflows_client_writes_a_missing_value(binary: Model, key: str) -> None:
    row = {**ROWS[0], "delay": None}
    gap = {**row, "delay": float("nan")}
    body = {
        "dataframe_split": {"columns": list(gap), "data": [list(gap.values())]},
        "dataframe_records": [gap],
        "inputs": [gap],
        "columns": {name: [value] for name, value in gap.items()},
    }[key]
    client = Client(made(binary))
    name = "inputs" if key == "columns" else key
    headers = {"content-type": "application/json"}
    found = client.request("POST", "/invocations", json.dumps({name: body}).encode(), headers)
    expected = client.post("/predict", row).json()["predictions"][0]["probabilities"]
    assert found.json()["predictions"][0]["probabilities"] == expected
    for refused in ({name: {"delay": [float("inf")]}} if key == "columns" else {"instances": [gap]},):
        assert client.request("POST", "/invocations", json.dumps(refused).encode(), headers).status == 400


def test_the_address_of_sagemakers_runtime_and_mlflows_version(binary: Model) -> None:
    client = Client(made(binary))
    body = {"instances": ROWS[:1]}
    assert client.post("/endpoints/flights/invocations", body).json()["predictions"][0]["label"]
    refused = client.post("/endpoints/other/invocations", body)
    assert (refused.status, refused.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert client.get("/version").content.decode() == __version__
