"""The table of bad requests per protocol: the status and the sentence of each, in the protocol's own shape."""

from __future__ import annotations

import gzip
from collections import Counter
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.serving.endpoints import ROW, Client
from tests.serving.protocols.questions import CSV, JSON, LINES, NAMES, all_of, as_csv, binary, in_binary, made, tensors
from toolkit.serving.model import Model

V2, TFS, SM, VERTEX, AZURE = (
    "/v2/models/flights/infer",
    "/v1/models/flights:predict",
    "/invocations",
    "/vertex",
    "/score",
)
TYPED = {"content-type": JSON}


class Bad(NamedTuple):
    path: str
    status: int
    says: str
    body: Any  # bytes, or a document
    headers: dict[str, str] = TYPED


def tensor(name: str, /, **changes: Any) -> dict[str, Any]:
    """ROW as tensors with one of them changed."""
    return {"inputs": [{**t, **changes} if t["name"] == name else t for t in tensors([ROW])]}


def with_bytes(name: str, data: bytes, size: Any = None, datatype: str = "") -> Bad:
    """One tensor of ROW in binary with these bytes."""
    inputs = []
    for t in tensors([ROW]):
        if t["name"] == name:
            parameters = {"binary_data_size": len(data) if size is None else size}
            t = {"name": name, "datatype": datatype or t["datatype"], "shape": [1], "parameters": parameters}
        inputs.append(t)
    body, headers = binary({"inputs": inputs}, data)
    return Bad(V2, 400, "", body, headers)


def row(**changes: Any) -> dict[str, Any]:
    return {**ROW, **changes}


def without(name: str) -> dict[str, Any]:
    return {k: v for k, v in ROW.items() if k != name}


def raw(document: Any, value: str) -> bytes:
    return msgspec.json.encode(document).replace(b'"@@"', value.encode())


def cells(**changes: str) -> bytes:
    """ROW as one CSV line in the order of the features."""
    return ",".join(changes.get(name.split()[0], str(ROW[name])) for name in NAMES).encode()


DEEP = b'{"instances":' + b"[" * 9_000 + b"]" * 9_000 + b"}"
GOOD_TENSOR = in_binary(tensors([ROW])[0])

TABLE: dict[str, Bad] = {
    # Open Inference Protocol
    "v2, empty": Bad(V2, 400, "the body is empty", b""),
    "v2, not JSON": Bad(V2, 400, "not JSON", b"{"),
    "v2, no object": Bad(V2, 400, "object", []),
    "v2, no inputs": Bad(V2, 400, "inputs", {}),
    "v2, inputs of nothing": Bad(V2, 400, "is missing; expected", {"inputs": []}),
    "v2, inputs that are an object": Bad(V2, 400, "field 'inputs': Expected `array`", {"inputs": {}}),
    "v2, a tensor without a name": Bad(V2, 400, "field 'inputs[0]'", {"inputs": [{"datatype": "FP32", "shape": [1]}]}),
    "v2, a name that is a number": Bad(V2, 400, "inputs[0].name", tensor("delay", name=1)),
    "v2, unknown input": Bad(V2, 400, "'delai': unknown field; did you mean 'delay'", tensor("delay", name="delai")),
    "v2, an input twice": Bad(V2, 400, "field 'delay': is there twice", {"inputs": tensors([ROW])[:1] * 2}),
    "v2, missing input": Bad(V2, 400, "field 'distance': is missing", {"inputs": tensors([ROW])[:1]}),
    "v2, wrong datatype": Bad(
        V2, 400, "field 'rain': datatype 'FP32' is not taken; send BOOL", tensor("rain", datatype="FP32")
    ),
    "v2, unheard-of datatype": Bad(V2, 400, "datatype 'FP128' is not taken", tensor("delay", datatype="FP128")),
    "v2, text for a number": Bad(
        V2, 400, "row 0, field 'delay': expected a number, got text 'x'", tensor("delay", data=["x"])
    ),
    "v2, 2 for a bool": Bad(V2, 400, "row 0, field 'rain': expected true or false", tensor("rain", data=[2])),
    "v2, null where none may be": Bad(V2, 400, "field 'distance': may not be null", tensor("distance", data=[None])),
    "v2, NaN": Bad(V2, 400, "field 'delay': NaN is not a finite", raw(tensor("delay", data=["@@"]), "NaN")),
    "v2, matrix": Bad(V2, 400, "field 'delay': shape [1, 2] is not taken", tensor("delay", shape=[1, 2])),
    "v2, no shape": Bad(V2, 400, "shape [] is not taken", tensor("delay", shape=[])),
    "v2, cube": Bad(V2, 400, "shape [1, 1, 1] is not taken", tensor("delay", shape=[1, 1, 1])),
    "v2, negative shape": Bad(V2, 400, "shape [-1] is not taken", tensor("delay", shape=[-1])),
    "v2, shape and data differ": Bad(V2, 400, "has 1 values, its shape [3] says 3", tensor("delay", shape=[3])),
    "v2, huge shape": Bad(V2, 400, "says 1000000000000", tensor("delay", shape=[10**12])),
    "v2, unequal inputs": Bad(V2, 400, "another column has 2", tensor("delay", shape=[2], data=[1.0, 2.0])),
    "v2, neither data nor bytes": Bad(
        V2,
        400,
        "'delay': expected exactly one of data",
        {"inputs": [{"name": "delay", "datatype": "FP64", "shape": [1]}]},
    ),
    "v2, both data and bytes": Bad(
        V2, 400, "'delay': expected exactly one of data", tensor("delay", parameters={"binary_data_size": 8})
    ),
    "v2, unknown output": Bad(
        V2,
        400,
        "field 'score': no such output; there are label, probabilities",
        {**tensor("delay"), "outputs": [{"name": "score"}]},
    ),
    "v2, classification": Bad(
        V2,
        400,
        "classification extension",
        {**tensor("delay"), "outputs": [{"name": "label", "parameters": {"classification": 2}}]},
    ),
    "v2, id of a number": Bad(V2, 400, "field 'id'", {**tensor("delay"), "id": 7}),
    "v2, too many rows": Bad(V2, 413, "51 rows", {"inputs": tensors([ROW] * 51)}),
    "v2, header past the end": Bad(
        V2, 400, "Inference-Header-Content-Length", b"{}", {"inference-header-content-length": "3"}
    ),
    "v2, header that is none": Bad(
        V2, 400, "Inference-Header-Content-Length: '-1'", b"{}", {"inference-header-content-length": "-1"}
    ),
    "v2, header of 5000 digits": Bad(
        V2, 400, "Inference-Header-Content-Length", b"{}", {"inference-header-content-length": "1" * 5000}
    ),
    "v2, infinity in bytes": with_bytes("delay", b"\x00\x00\x00\x00\x00\x00\xf0\x7f")._replace(
        says="Infinity is not a finite number"
    ),
    "v2, NaN bytes for no null": with_bytes("distance", b"\x00\x00\x00\x00\x00\x00\xf8\x7f", datatype="FP64")._replace(
        says="field 'distance': may not be null"
    ),
    "v2, half a number": with_bytes("delay", b"\x00" * 7)._replace(says="7 bytes are no whole number of FP64"),
    "v2, no bytes": with_bytes("delay", b"")._replace(says="has 0 values, its shape [1] says 1"),
    "v2, bytes that are not there": with_bytes("delay", b"\x00" * 8, size=16)._replace(
        says="binary_data_size 16 does not fit the 8 bytes left"
    ),
    "v2, negative size": with_bytes("delay", b"\x00" * 8, size=-8)._replace(says="binary_data_size -8"),
    "v2, size of text": with_bytes("delay", b"\x00" * 8, size="8")._replace(says="binary_data_size 8"),
    "v2, bytes left over": with_bytes("delay", b"\x00" * 12, size=8)._replace(
        says="4 bytes follow that belong to no input"
    ),
    "v2, a length past the end": with_bytes("origin", b"\xff\xff\xff\xffJFK")._replace(
        says="row 0, field 'origin': a length goes past the end"
    ),
    "v2, a length cut off": with_bytes("origin", b"\x03\x00")._replace(says="a length goes past the end"),
    "v2, text that is not UTF-8": with_bytes("origin", b"\x01\x00\x00\x00\xff")._replace(
        says="row 0, field 'origin': is not UTF-8"
    ),
    "v2, CSV": Bad(V2, 415, "content type 'text/csv' is not taken", b"1", {"content-type": CSV}),
    "v2, gzip that is not": Bad(V2, 400, "not gzip", b"x" * 20, {**TYPED, "content-encoding": "gzip"}),
    # TensorFlow Serving
    "tfs, empty": Bad(TFS, 400, "the body is empty", b""),
    "tfs, deep": Bad(TFS, 400, "nested too deeply", DEEP),
    "tfs, a list": Bad(TFS, 400, "expected an object, got a list", [ROW]),
    "tfs, neither": Bad(TFS, 400, "field 'instances': is missing", {}),
    "tfs, both": Bad(TFS, 400, "exactly one of 'instances' or 'inputs'", {"instances": [], "inputs": {}}),
    "tfs, unknown key": Bad(TFS, 400, "field 'x': unknown field", {"instances": [ROW], "x": 1}),
    "tfs, our own key": Bad(TFS, 400, "field 'instances': is missing", {"records": [ROW]}),
    "tfs, another signature": Bad(
        TFS, 400, "field 'signature_name': no signature other", {"instances": [ROW], "signature_name": "other"}
    ),
    "tfs, a signature that is a list": Bad(
        TFS, 400, "field 'signature_name'", {"instances": [ROW], "signature_name": []}
    ),
    "tfs, instances that are an object": Bad(
        TFS, 400, "field 'instances': expected a list of rows", {"instances": ROW}
    ),
    "tfs, no instances": Bad(TFS, 400, "there are no rows", {"instances": []}),
    "tfs, instances of numbers": Bad(TFS, 400, "row 0: expected an object", {"instances": [1]}),
    "tfs, wrong value": Bad(TFS, 400, "row 1, field 'delay': expected a number", {"instances": [ROW, row(delay="x")]}),
    "tfs, two wrong values": Bad(TFS, 400, "(and 1 more)", {"instances": [row(delay="x", rain=1)]}),
    "tfs, missing field": Bad(TFS, 400, "row 0, field 'day': is missing", {"instances": [without("day")]}),
    "tfs, vector": Bad(
        TFS, 400, "field 'delay': expected a number, got a list", {"instances": [row(delay=[1.0, 2.0])]}
    ),
    "tfs, b64 that is not": Bad(
        TFS, 400, "field 'origin': the b64 is not base64", {"instances": [row(origin={"b64": "!"})]}
    ),
    "tfs, b64 of no text": Bad(
        TFS, 400, "field 'origin': the b64 is not", {"instances": [row(origin={"b64": "/w=="})]}
    ),
    "tfs, half a surrogate as b64": Bad(
        TFS, 400, "field 'origin': the b64", raw({"instances": [row(origin={"b64": "@@"})]}, '"\\ud800"')
    ),
    "tfs, NaN": Bad(TFS, 400, "NaN is not a finite", raw({"instances": [row(delay="@@")]}, "NaN")),
    "tfs, half a surrogate": Bad(TFS, 400, "not valid Unicode", raw({"instances": [row(origin="@@")]}, '"\\ud800"')),
    "tfs, row too short": Bad(
        TFS, 400, "row 0: has 2 values, expected 7, in this order: delay", {"instances": [[1, 2]]}
    ),
    "tfs, inputs that are a list": Bad(TFS, 400, "field 'inputs': expected an object of columns", {"inputs": [ROW]}),
    "tfs, unequal inputs": Bad(TFS, 400, "another column has 2", {"inputs": {"delay": [1], "distance": [1, 2]}}),
    "tfs, an input that is a number": Bad(TFS, 400, "field 'delay': expected a list", {"inputs": {"delay": 1}}),
    "tfs, too many rows": Bad(TFS, 413, "51 rows", {"instances": [ROW] * 51}),
    "tfs, CSV": Bad(TFS, 415, "not taken", b"1,2", {"content-type": CSV}),
    # SageMaker
    "sm, empty": Bad(SM, 400, "the body is empty", b""),
    "sm, XML": Bad(
        SM, 415, "send application/json or application/jsonlines or text/csv", b"<a/>", {"content-type": "text/xml"}
    ),
    "sm, accept XML": Bad(
        SM,
        406,
        "accept 'text/xml' is not offered; application/json, text/csv",
        {"instances": [ROW]},
        {**TYPED, "accept": "text/xml"},
    ),
    "sm, too large": Bad(SM, 413, "20000 bytes", b" " * 20_001),
    "sm, gzip bomb": Bad(
        SM, 413, "20000 bytes", gzip.compress(b"1," * 10**6), {"content-type": CSV, "content-encoding": "gzip"}
    ),
    "sm, wrong value": Bad(SM, 400, "row 0, field 'rain': expected true or false", {"instances": [row(rain=1)]}),
    "sm, features too short": Bad(SM, 400, "row 0: has 1 values, expected 7", {"instances": [{"features": [1]}]}),
    "sm, features that are text": Bad(SM, 400, "field 'features': unknown field", {"instances": [{"features": "x"}]}),
    "sm, number": Bad(SM, 400, "expected", b"5"),
    "sm, CSV of nothing": Bad(SM, 400, "the body is empty", b" \n\n", {"content-type": CSV}),
    "sm, CSV of a header alone": Bad(SM, 400, "there are no rows", ",".join(NAMES).encode(), {"content-type": CSV}),
    "sm, CSV too short": Bad(
        SM, 400, "row 1: has 2 values, expected 7, in this order", cells() + b"\n1,2", {"content-type": CSV}
    ),
    "sm, CSV below a header too short": Bad(
        SM, 400, "row 0: has 1 values, expected 7", ",".join(NAMES).encode() + b"\n1", {"content-type": CSV}
    ),
    "sm, CSV with text for a number": Bad(
        SM, 400, "row 0, field 'delay': expected a number, got text 'x'", cells(delay="x"), {"content-type": CSV}
    ),
    "sm, CSV with 1_000": Bad(
        SM, 400, "field 'delay': expected a number, got text '1_000'", cells(delay="1_000"), {"content-type": CSV}
    ),
    "sm, CSV with infinity": Bad(
        SM, 400, "field 'delay': Infinity is not a finite", cells(delay="inf"), {"content-type": CSV}
    ),
    "sm, CSV with a fraction": Bad(
        SM, 400, "field 'distance': expected a whole number, got 1.5", cells(distance="1.5"), {"content-type": CSV}
    ),
    "sm, CSV with 2**70": Bad(
        SM, 400, "outside the range of 64-bit", cells(distance=str(2**70)), {"content-type": CSV}
    ),
    "sm, CSV with an empty cell": Bad(
        SM, 400, "field 'distance': may not be null", cells(distance=""), {"content-type": CSV}
    ),
    "sm, CSV with maybe": Bad(
        SM, 400, "field 'rain': expected true or false, got text 'maybe'", cells(rain="maybe"), {"content-type": CSV}
    ),
    "sm, CSV with noon": Bad(SM, 400, "field 'hour': expected RFC 3339", cells(hour="noon"), {"content-type": CSV}),
    "sm, CSV header unknown": Bad(
        SM, 400, "did you mean 'delay'", as_csv([ROW], True).replace(b"delay", b"dela"), {"content-type": CSV}
    ),
    "sm, CSV header twice": Bad(
        SM, 400, "field 'delay': is there twice", as_csv([ROW], True).replace(b"rain", b"delay"), {"content-type": CSV}
    ),
    "sm, CSV header said and absent": Bad(
        SM, 400, "unknown field", cells() + b"\n" + cells(), {"content-type": "text/csv; header=present"}
    ),
    "sm, CSV header denied": Bad(
        SM, 400, "got text 'day'", as_csv([ROW], True).replace(b"\r", b""), {"content-type": "text/csv;header=absent"}
    ),
    "sm, CSV open quote": Bad(SM, 400, "is not CSV", b'"1,2', {"content-type": CSV}),
    "sm, CSV text after a quote": Bad(SM, 400, "row 0 is not CSV", b'"1"x,2', {"content-type": CSV}),
    "sm, CSV not UTF-8": Bad(
        SM, 400, "not UTF-8", cells(origin="J\xff").decode().encode("latin-1"), {"content-type": CSV}
    ),
    "sm, CSV too many rows": Bad(SM, 413, "51 rows", b"\n".join([cells()] * 51), {"content-type": CSV}),
    "sm, lines not JSON": Bad(
        SM, 400, "line 2: the body is not JSON", msgspec.json.encode(ROW) + b"\n{\n", {"content-type": LINES}
    ),
    "sm, lines of numbers": Bad(SM, 400, "row 0: expected an object", b"1\n2", {"content-type": LINES}),
    "sm, lines with a wrong value": Bad(
        SM,
        400,
        "row 1, field 'delay'",
        b"\n".join(map(msgspec.json.encode, (ROW, row(delay="x")))),
        {"content-type": LINES},
    ),
    "sm, lines of nothing": Bad(SM, 400, "there are no rows", b"\n \n", {"content-type": LINES}),
    "sm, too many lines": Bad(SM, 413, "51 lines", b"1\n" * 51, {"content-type": LINES}),
    # MLflow
    "mlflow, split of a list": Bad(
        SM, 400, "field 'dataframe_split': expected columns and data", {"dataframe_split": []}
    ),
    "mlflow, split without data": Bad(
        SM, 400, "field 'dataframe_split.data': is missing", {"dataframe_split": {"columns": NAMES}}
    ),
    "mlflow, split with wrong columns": Bad(
        SM,
        400,
        "field 'dataframe_split.columns': expected a list of names",
        {"dataframe_split": {"columns": [1], "data": []}},
    ),
    "mlflow, split with a column twice": Bad(
        SM, 400, "field 'delay': is there twice", {"dataframe_split": {"columns": ["delay", "delay"], "data": []}}
    ),
    "mlflow, split with an unknown column": Bad(
        SM,
        400,
        "field 'delays': unknown field; did you mean",
        {"dataframe_split": {"columns": ["delays"], "data": [[1]]}},
    ),
    "mlflow, split with a short row": Bad(
        SM, 400, "row 1: has 1 values, expected 7", {"dataframe_split": {"data": [list(ROW.values()), [1]]}}
    ),
    "mlflow, split with a row of text": Bad(
        SM, 400, "row 0: expected a list of values", {"dataframe_split": {"data": ["x"]}}
    ),
    "mlflow, split with a wrong value": Bad(
        SM,
        400,
        "row 0, field 'delay': expected a number",
        {"dataframe_split": {"data": [["x", *list(ROW.values())[1:]]]}},
    ),
    "mlflow, records of an object": Bad(
        SM, 400, "field 'dataframe_records': expected a list of rows", {"dataframe_records": ROW}
    ),
    "mlflow, records with a wrong value": Bad(
        SM, 400, "field 'day': expected a date", {"dataframe_records": [row(day=1)]}
    ),
    "mlflow, inputs with a wrong value": Bad(
        SM, 400, "row 0, field 'delay': expected a number", {"inputs": {"delay": ["x"]}}
    ),
    "mlflow, inputs of text": Bad(SM, 400, "field 'inputs': expected a list of rows", {"inputs": "x"}),
    "mlflow, two of them": Bad(
        SM, 400, "field 'inputs': unknown field beside 'instances'", {"instances": [ROW], "inputs": [ROW]}
    ),
    "mlflow, something beside": Bad(
        SM, 400, "field 'x': unknown field beside 'dataframe_split'", {"dataframe_split": {}, "x": 1}
    ),
    "mlflow, no rows": Bad(SM, 400, "there are no rows", {"dataframe_records": []}),
    # Vertex AI
    "vertex, empty": Bad(VERTEX, 400, "the body is empty", b""),
    "vertex, not JSON": Bad(VERTEX, 400, "not JSON", b"instances"),
    "vertex, list": Bad(VERTEX, 400, "expected an object", [ROW]),
    "vertex, nothing": Bad(VERTEX, 400, "field 'instances': is missing", {"parameters": {}}),
    "vertex, something beside": Bad(VERTEX, 400, "field 'x': unknown field", {"instances": [ROW], "x": 1}),
    "vertex, an object": Bad(VERTEX, 400, "field 'instances': expected a list of rows", {"instances": ROW}),
    "vertex, no rows": Bad(VERTEX, 400, "there are no rows", {"instances": []}),
    "vertex, wrong value": Bad(VERTEX, 400, "row 0, field 'delay': expected a number", {"instances": [row(delay="x")]}),
    "vertex, unknown field": Bad(VERTEX, 400, "field 'z': unknown field", {"instances": [row(z=1)]}),
    "vertex, short row": Bad(VERTEX, 400, "row 1: has 1 values", {"instances": [ROW, [1]]}),
    "vertex, too many rows": Bad(VERTEX, 413, "51 rows", {"instances": [ROW] * 51}),
    "vertex, CSV": Bad(VERTEX, 415, "not taken", b"1", {"content-type": CSV}),
    # Azure ML
    "azure, empty": Bad(AZURE, 400, "the body is empty", b""),
    "azure, not UTF-8": Bad(AZURE, 400, "not UTF-8", b'{"data": "\xff"}'),
    "azure, number": Bad(AZURE, 400, "expected", b"5"),
    "azure, nothing": Bad(AZURE, 400, "is missing", {}),
    "azure, both": Bad(
        AZURE, 400, "field 'data': unknown field beside 'input_data'", {"input_data": [ROW], "data": [ROW]}
    ),
    "azure, something beside": Bad(AZURE, 400, "field 'x': unknown field beside 'data'", {"data": [ROW], "x": 1}),
    "azure, text": Bad(AZURE, 400, "field 'data': expected a list of rows", {"data": "x"}),
    "azure, split without rows": Bad(AZURE, 400, "there are no rows", {"input_data": {"columns": NAMES, "data": []}}),
    "azure, split with a short row": Bad(
        AZURE, 400, "row 0: has 1 values", {"input_data": {"columns": NAMES, "data": [[1]]}}
    ),
    "azure, split with a wrong value": Bad(
        AZURE, 400, "field 'delay': expected a number", {"input_data": {"data": [["x", *list(ROW.values())[1:]]]}}
    ),
    "azure, columns of unequal length": Bad(
        AZURE, 400, "another column has 2", {"input_data": {"delay": [1], "distance": [1, 2]}}
    ),
    "azure, wrong value": Bad(AZURE, 400, "row 0, field 'origin': expected text", {"data": [row(origin=1)]}),
    "azure, too many rows": Bad(AZURE, 413, "51 rows", {"data": [ROW] * 51}),
    "azure, XML": Bad(AZURE, 415, "not taken", b"<a/>", {"content-type": "text/xml"}),
}


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
