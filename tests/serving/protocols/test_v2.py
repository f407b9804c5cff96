"""What is particular to Open Inference Protocol v2: metadata, ids, chosen outputs, datatypes, binary tensors."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.serving.endpoints import FEATURES, ROW, Client, Reply
from tests.serving.protocols.questions import ROWS, binary, in_binary, made, outputs, read_v2, tensors
from toolkit import __version__
from toolkit.serving.model import Model

INFER = "/v2/models/flights/infer"


@pytest.fixture
def client(binary: Model) -> Client:
    return Client(made(binary))


def test_server_and_health(client: Client) -> None:
    assert client.get("/v2").json() == {"name": "toolkit", "version": __version__, "extensions": ["binary_tensor_data"]}
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for path in ("/v2/models/flights/ready", "/v2/models/flights/versions/3/ready"):
        assert client.get(path).json() == {"name": "flights", "ready": True}
        assert client.request("HEAD", path).content == b""


def test_metadata_describe_what_infer_takes_and_answers(client: Client) -> None:
    found = client.get("/v2/models/flights").json()
    assert found == client.get("/v2/models/flights/versions/3").json()
    assert (found["name"], found["versions"]) == ("flights", ["3"])
    assert [(i["name"], i["datatype"]) for i in found["inputs"]] == [
        (f.name, t["datatype"]) for f, t in zip(FEATURES, tensors([ROW]), strict=True)
    ]
    answered = client.post(INFER, {"inputs": tensors(ROWS)}).json()["outputs"]
    described = {o["name"]: (o["datatype"], o["shape"]) for o in found["outputs"]}
    assert {o["name"]: (o["datatype"], [-1, *o["shape"][1:]]) for o in answered} == described
    assert found["parameters"]["classes"] == ["late", "on time"]


def test_a_regression_has_one_output(regression: Model) -> None:
    client = Client(made(regression))
    assert client.get("/v2/models/flights").json()["outputs"] == [{"name": "value", "datatype": "FP64", "shape": [-1]}]
    (value,) = client.post(INFER, {"inputs": tensors(ROWS)}).json()["outputs"]
    assert (value["name"], value["shape"]) == ("value", [len(ROWS)])


@pytest.mark.parametrize("given", [{}, {"id": "abc"}, {"id": ""}, {"id": "é\n"}, {"id": None}])
def test_the_id_comes_back(client: Client, given: dict[str, Any]) -> None:
    answered = client.post(INFER, {"inputs": tensors([ROW]), **given}).json()
    assert {k: v for k, v in answered.items() if k == "id"} == {k: v for k, v in given.items() if v is not None}
    assert (answered["model_name"], answered["model_version"]) == ("flights", "3")


def test_outputs_are_chosen_in_the_order_asked_for(client: Client) -> None:
    for names in (["probabilities"], ["probabilities", "label"], ["label"], []):
        question = {"inputs": tensors(ROWS), "outputs": [{"name": n} for n in names]}
        assert [o["name"] for o in client.post(INFER, question).json()["outputs"]] == names or [
            "label",
            "probabilities",
        ]


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize("which", [{}, {"label": True}, {"probabilities": True, "label": False}])
def test_each_output_may_be_in_binary(client: Client, everywhere: bool, which: dict[str, bool]) -> None:
    asked = [
        {"name": name, "parameters": {"binary_data": which[name]} if name in which else {}}
        for name in ("probabilities", "label")
    ]
    parameters = {"binary_data_output": everywhere}
    reply = client.post(INFER, {"inputs": tensors(ROWS), "outputs": asked, "parameters": parameters})
    assert read_v2(reply) == read_v2(client.post(INFER, {"inputs": tensors(ROWS)}))
    expected = any(which.get(name, everywhere) for name in ("probabilities", "label"))
    assert ("inference-header-content-length" in reply.headers) is expected
    assert reply.headers["content-type"] == ("application/octet-stream" if expected else "application/json")


NUMBERS = {"FP32": "f", "FP64": "d", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q"}
NUMBERS |= {"UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q"}


@pytest.mark.parametrize("datatype", NUMBERS)
@pytest.mark.parametrize("name", ["delay", "distance"])
def test_a_number_may_be_of_any_datatype(client: Client, name: str, datatype: str) -> None:
    expected = read_v2(client.post(INFER, {"inputs": tensors([{**ROW, name: 100}])}))
    inputs = [{**t, "datatype": datatype, "data": [100]} if t["name"] == name else t for t in tensors([ROW])]
    assert read_v2(client.post(INFER, {"inputs": inputs})) == expected
    data = struct.pack(f"<{NUMBERS[datatype]}", 100)
    parameters = {"binary_data_size": len(data)}
    inputs = [
        {"name": name, "datatype": datatype, "shape": [1, 1], "parameters": parameters} if t["name"] == name else t
        for t in inputs
    ]
    body, headers = binary({"inputs": inputs}, data)
    assert read_v2(client.request("POST", INFER, body, headers)) == expected


def test_a_bool_may_be_0_or_1(client: Client) -> None:
    inputs = [{**t, "data": [1]} if t["name"] == "rain" else t for t in tensors([ROW])]
    assert read_v2(client.post(INFER, {"inputs": inputs})) == read_v2(client.post(INFER, {"inputs": tensors([ROW])}))


def test_what_may_be_null_may_be_left_out(client: Client) -> None:
    nulls = {f.name: None for f in FEATURES if f.nullable}
    present = [t for t in tensors([ROW]) if t["name"] not in nulls]
    expected = client.post("/predict", {**ROW, **nulls}).json()["predictions"][0]
    assert read_v2(client.post(INFER, {"inputs": present})) == [
        (expected["label"], list(expected["probabilities"].values()))
    ]


@given(
    delays=st.lists(st.floats(width=32, allow_infinity=False), min_size=1, max_size=5),
    origin=st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    kinds=st.lists(st.booleans(), min_size=len(FEATURES), max_size=len(FEATURES)),
)
@settings(max_examples=40, deadline=None)
@example(delays=[float("nan"), 1.0], origin="", kinds=[True] * len(FEATURES))
def test_any_mixture_of_binary_and_json_is_the_same(
    binary: Model, delays: list[float], origin: str, kinds: list[bool]
) -> None:
    client = Client(made(binary))
    rows = [{**ROW, "delay": None if delay != delay else delay, "origin": origin} for delay in delays]
    parts = [in_binary(t) if kind else (t, b"") for t, kind in zip(tensors(rows), kinds, strict=True)]
    expected = read_v2(client.post(INFER, {"inputs": tensors(rows)}))
    assert read_v2(sent(client, [t for t, _ in parts], b"".join(data for _, data in parts))) == expected


def sent(client: Client, inputs: list[dict[str, Any]], tail: bytes) -> Reply:
    body, headers = binary({"inputs": inputs, "parameters": {"binary_data_output": True}}, tail)
    reply = client.request("POST", INFER, body, headers)
    assert outputs(reply).keys() == {"label", "probabilities"}
    return reply
