"""Arrow in is read as JSON with the same values is, Arrow out says what JSON says, a hostile stream is refused."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving.endpoints import ROW, Client, Reply
from toolkit.serving.app import Info, create_app
from toolkit.serving.model import Model
from toolkit.serving.routing import ARROW
from toolkit.serving.settings import Limits

KIND = ARROW.decode()
TYPES = {
    "delay": pa.float64(), "distance": pa.int64(), "rain": pa.bool_(), "carrier code": pa.string(),
    "origin": pa.string(), "hour": pa.timestamp("us", "UTC"), "day": pa.date32(),
}  # fmt: skip
VALUES = {**ROW, "hour": datetime(2013, 7, 1, 12, tzinfo=UTC), "day": date(2013, 7, 1)}


@pytest.fixture
def client(binary: Model) -> Client:
    return Client(create_app(binary, info=Info(version=3), limits=Limits(max_rows=200, max_body=60_000)))


def table(rows: int = 3, **columns: Any) -> pa.Table:
    """ROW `rows` times; `columns` are arrays in place of those, None to leave one out."""
    arrays = {name: pa.array([VALUES[name]] * rows, kind) for name, kind in TYPES.items()}
    arrays |= {name.replace("_", " "): column for name, column in columns.items()}
    return pa.table({name: column for name, column in arrays.items() if column is not None})


def stream(content: pa.Table, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, content.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(content)
    return bytes(sink.getvalue().to_pybytes())


def ask(client: Client, body: bytes, accept: str = "") -> Reply:
    headers = {"content-type": KIND, **({"accept": accept} if accept else {})}
    return client.request("POST", "/predict", body, headers)


def scored(reply: Reply) -> list[Any]:
    assert reply.status == 200, reply.content
    return [(item["label"], item["probabilities"]) for item in reply.json()["predictions"]]


@pytest.mark.parametrize("rows", [1, 3, 150])
def test_in_as_json_is_read(client: Client, rows: int) -> None:
    assert scored(ask(client, stream(table(rows)))) == scored(client.post("/predict", {"records": [ROW] * rows}))


@pytest.mark.parametrize(
    "columns",
    [
        {"delay": pa.array([None, 1.5, float("nan")])},
        {"delay": pa.array([None, 1.5, 2], pa.float32())},
        {"delay": pa.array([1, 2, None], pa.int32())},
        {"rain": pa.array([None, True, False])},
        {"rain": pa.nulls(3)},
        {"rain": None},
        {"carrier_code": pa.array(["AA", None, "ÅÅ"]).dictionary_encode()},
        {"carrier_code": pa.array(["AA", None, "UA"], pa.large_string())},
        {"hour": pa.array([VALUES["hour"].replace(tzinfo=None)] * 3, pa.timestamp("ns"))},
        {"day": pa.array(["2013-07-01"] * 3)},
    ],
)
def test_kinds_of_columns(client: Client, columns: dict[str, Any]) -> None:
    content = table(3, **columns)
    records = [{name: as_json(value) for name, value in row.items()} for row in content.to_pylist()]
    assert scored(ask(client, stream(content))) == scored(client.post("/predict", {"records": records}))


def as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return None if value != value else value


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"origin": None}, "'origin'"),
        ({"origin": pa.array(["JFK", None, "JFK"])}, "row 1, field 'origin'"),
        ({"distance": pa.array([1.0, 2.5, 3.0])}, "row 1, field 'distance'"),
        ({"delay": pa.array([1.0, 2.0, float("inf")])}, "row 2, field 'delay'"),
        ({"delay": pa.array([[1.0]] * 3)}, "Arrow type list"),
        ({"origin": pa.array(["JFK"] * 3, pa.string_view())}, "Arrow type string_view"),
        ({"other": pa.array([1, 2, 3])}, "unknown field"),
    ],
)
def test_what_does_not_fit_is_named(client: Client, columns: dict[str, Any], said: str) -> None:
    reply = ask(client, stream(table(3, **columns)))
    assert reply.status == 422
    assert said in reply.json()["detail"]


def test_out_says_what_json_says(binary: Model, regression: Model) -> None:
    for model in (binary, regression):
        client = Client(create_app(model))
        reply = ask(client, stream(table(70)), accept=f"application/json;q=0.1, {KIND}")
        assert reply.headers["content-type"] == KIND
        found = pa.ipc.open_stream(reply.content).read_all().to_pylist()
        expected = client.post("/predict", {"records": [ROW] * 70}).json()["predictions"]
        assert [{k: v for k, v in row.items() if k != "id"} for row in found] == [
            {k: v for k, v in row.items() if k != "id"} for row in expected
        ]
        assert [row["id"].rpartition("-")[2] for row in found] == [str(i) for i in range(70)]
        asked = client.request("POST", "/predict", b'{"records": []}', {"accept": KIND})
        assert asked.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (lambda: b"", 400),
        (lambda: b"ARROW1", 400),
        (lambda: stream(table())[:-200], 400),
        (lambda: stream(table(0)), 422),
        (lambda: stream(table(201)), 413),
        (lambda: stream(table(3), compression="zstd"), 415),
        (lambda: stream(table(3), compression="lz4"), 415),
        (lambda: stream(table(150, origin=pa.array(["x" * 1000] * 150).dictionary_encode())), 413),
        (lambda: stream(pa.table([pa.array([1]), pa.array([1])], names=["delay", "delay"])), 422),
    ],
)
def test_hostile_streams(client: Client, made: Callable[[], bytes], status: int) -> None:
    assert ask(client, made()).status == status


def test_offsets_past_the_end_are_not_followed(client: Client) -> None:
    """Only a validation in full sees the middle ones."""
    right, wrong = (struct.pack("<4i", 0, 3, middle, 9) for middle in (6, 2**30))
    body = stream(table(3))
    assert body.count(right) == 1
    reply = ask(client, body.replace(right, wrong))
    assert (reply.status, reply.json()["type"]) == (400, "urn:toolkit:problem:bad-arrow")


@given(st.data())
def test_broken_bytes_are_refused_or_read(binary: Model, data: st.DataObject) -> None:
    body = bytearray(stream(table(3)))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert ask(Client(create_app(binary)), bytes(body)).status in (200, 400, 413, 415, 422)


def test_without_pyarrow_the_answer_says_what_to_do(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    body = stream(table())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    reply = ask(client, body)
    assert reply.status == 415
    assert "requirements" in reply.json()["detail"]


def test_the_document_says_so(client: Client) -> None:
    predict = client.get("/openapi.json").json()["paths"]["/predict"]["post"]
    for described in (predict["requestBody"], predict["responses"]["200"]):
        assert set(described["content"]) == {"application/json", KIND}
    assert ask(client, stream(table(3))).status == 200
