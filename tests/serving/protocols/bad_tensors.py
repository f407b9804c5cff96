"""Bad requests of the protocols that speak of tensors: the Open Inference Protocol and TensorFlow Serving."""

from __future__ import annotations

from typing import Any

from tests.serving.endpoints import ROW
from tests.serving.protocols.bad import TFS, TYPED, V2, Bad, raw, row, without
from tests.serving.protocols.questions import CSV, binary, tensors

DEEP = b'{"instances":' + b"[" * 9_000 + b"]" * 9_000 + b"}"


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
}
