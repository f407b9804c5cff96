"""Rows that every protocol is asked with, the shapes it asks them in, and how its answers are read back."""

from __future__ import annotations

import csv
import io
import struct
from typing import Any, NamedTuple

import msgspec

from tests.serving.endpoints import FEATURES, ROW, Client, Reply
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.capture import Capture
from toolkit.serving.model import Model
from toolkit.serving.settings import Limits

NAMES = [f.name for f in FEATURES]
ROWS: list[dict[str, Any]] = [
    ROW,
    {**ROW, "delay": None, "carrier code": None, "hour": None, "rain": None},
    {**ROW, "delay": -3.25, "origin": "EWR", "carrier code": 'né, "w"\n', "rain": False, "distance": 2_000},
    {**ROW, "delay": 90.0, "origin": "", "day": "2013-12-31"},
]
JSON, CSV, LINES = "application/json", "text/csv", "application/jsonlines"
DATATYPES = {
    "float64": "FP64",
    "int64": "INT64",
    "bool": "BOOL",
    "string": "BYTES",
    "datetime": "BYTES",
    "date": "BYTES",
}
INFO = Info(endpoint="flights", version=3, vertex_predict="/vertex", vertex_health="/vertex")
LIMITS = Limits(max_rows=50, max_body=20_000)


class Question(NamedTuple):
    """A request, and how the answer's rows are read: as (label, probabilities) or values, in order."""

    path: str
    body: bytes
    read: Any
    headers: dict[str, str] = {"content-type": JSON}  # noqa: RUF012  # never changed


def made(model: Model, capture: Capture | None = None, info: Info = INFO) -> App:
    return create_app(model, info=info, limits=LIMITS, capture=capture)


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in NAMES}


def split(rows: list[dict[str, Any]], order: list[str]) -> dict[str, Any]:
    return {"columns": order, "index": list(range(len(rows))), "data": [[row[n] for n in order] for row in rows]}


def listed(rows: list[dict[str, Any]]) -> list[list[Any]]:
    return [[row[name] for name in NAMES] for row in rows]


def as_csv(rows: list[dict[str, Any]], header: bool) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    if header:
        writer.writerow(reversed(NAMES))
    for row in rows:
        writer.writerow([row[name] for name in (reversed(NAMES) if header else NAMES)])
    return out.getvalue().encode()


def tensors(rows: list[dict[str, Any]], nested: bool = False) -> list[dict[str, Any]]:
    return [
        {
            "name": f.name,
            "datatype": DATATYPES[f.dtype],
            "shape": [len(rows), 1] if nested else [len(rows)],
            "parameters": {"content_type": "np"},
            "data": [[row[f.name]] if nested else row[f.name] for row in rows],
        }
        for f in FEATURES
    ]


def in_binary(tensor: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The tensor and its bytes. A null number is NaN; other datatypes have none, so those stay JSON."""
    values, datatype = tensor["data"], tensor["datatype"]
    if datatype in ("BYTES", "BOOL") and None in values:
        return tensor, b""
    if datatype == "BYTES":
        data = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in values)
    else:
        code = {"FP32": "f", "FP64": "d", "INT32": "i", "INT64": "q", "BOOL": "?"}[datatype]
        data = struct.pack(f"<{len(values)}{code}", *[float("nan") if v is None else v for v in values])
    kept = {k: v for k, v in tensor.items() if k != "data"}
    return {**kept, "parameters": {"binary_data_size": len(data)}}, data


def binary(question: dict[str, Any], tail: bytes) -> tuple[bytes, dict[str, str]]:
    head = msgspec.json.encode(question)
    sizes = {"inference-header-content-length": str(len(head))}
    return head + tail, {"content-type": "application/octet-stream", **sizes}


def all_of(rows: list[dict[str, Any]]) -> dict[str, Question]:
    """One of every way to ask."""
    encode = msgspec.json.encode
    one_by_one = {name: [[value] for value in values] for name, values in columns(rows).items()}
    parts = [in_binary(tensor) for tensor in tensors(rows)]
    everything = {"inputs": [tensor for tensor, _ in parts], "parameters": {"binary_data_output": True}}
    tail = b"".join(data for _, data in parts)
    mixed, mixed_headers = binary(everything, tail)
    v2, tfs, sm = "/v2/models/flights/infer", "/v1/models/flights:predict", "/invocations"
    lines = b"\n".join(encode(row) for row in rows) + b"\n"
    wrapped = [{name: [value] for name, value in row.items()} for row in rows]
    features = [{"features": values} for values in listed(rows)]
    return {
        "v2": Question(v2, encode({"inputs": tensors(rows)}), read_v2),
        "v2 of a version": Question(
            "/v2/models/flights/versions/3/infer", encode({"inputs": tensors(rows, True)}), read_v2
        ),
        "v2 in binary": Question(v2, mixed, read_v2, mixed_headers),
        "tensorflow rows": Question(tfs, encode({"instances": rows}), read_instances),
        "tensorflow rows of lists": Question(
            "/v1/models/flights/versions/3:predict", encode({"instances": wrapped}), read_instances
        ),
        "tensorflow columns": Question(
            tfs, encode({"signature_name": "serving_default", "inputs": one_by_one}), read_outputs
        ),
        "sagemaker instances": Question(sm, encode({"instances": features}), read_predictions),
        "sagemaker CSV": Question(sm, as_csv(rows, False), read_predictions, {"content-type": CSV}),
        "sagemaker CSV with a header": Question(sm, as_csv(rows, True), read_csv, {"content-type": CSV, "accept": CSV}),
        "sagemaker lines": Question(sm, lines, read_lines, {"content-type": LINES, "accept": f"{LINES}, */*"}),
        "sagemaker records": Question(sm, encode(rows), read_predictions, {"content-type": JSON, "accept": "*/*"}),
        "mlflow split": Question(sm, encode({"dataframe_split": split(rows, NAMES[::-1])}), read_predictions),
        "mlflow records": Question(sm, encode({"dataframe_records": rows, "params": {}}), read_predictions),
        "mlflow instances": Question(sm, encode({"instances": listed(rows)}), read_predictions),
        "mlflow inputs": Question(sm, encode({"inputs": one_by_one}), read_predictions),
        "mlflow inputs by row": Question(sm, encode({"inputs": rows}), read_predictions),
        "vertex": Question("/vertex", encode({"instances": rows, "parameters": {"a": 1}}), read_predictions),
        "vertex by position": Question("/vertex", encode({"instances": listed(rows)}), read_predictions),
        "azure split": Question("/score", encode({"input_data": split(rows, NAMES)}), read_items),
        "azure rows": Question("/score", encode({"data": listed(rows)}), read_items),
        "azure columns": Question("/score", encode({"input_data": columns(rows)}), read_items),
        "azure, our own": Question("/score", encode({"records": rows}), read_items),
    }


def ask(client: Client, question: Question) -> Reply:
    return client.request("POST", question.path, question.body, question.headers)


def answers(items: list[dict[str, Any]]) -> list[Any]:
    """What /predict's items say, without their ids."""
    return [i["value"] if "value" in i else (i["label"], list(i["probabilities"].values())) for i in items]


def read_items(reply: Reply) -> list[Any]:
    return answers(reply.json())


def read_predictions(reply: Reply) -> list[Any]:
    return answers(reply.json()["predictions"])


def read_instances(reply: Reply) -> list[Any]:
    found = reply.json()["predictions"]
    return [(row["label"], row["probabilities"]) if isinstance(row, dict) else row for row in found]


def read_outputs(reply: Reply) -> list[Any]:
    found = reply.json()["outputs"]
    return list(zip(found["label"], found["probabilities"], strict=True)) if isinstance(found, dict) else found


def read_lines(reply: Reply) -> list[Any]:
    return answers([msgspec.json.decode(line) for line in reply.content.splitlines()])


def read_csv(reply: Reply) -> list[Any]:
    rows = list(csv.reader(io.StringIO(reply.content.decode())))
    return [(row[0], [float(v) for v in row[1:]]) if len(row) > 1 else float(row[0]) for row in rows]


def read_v2(reply: Reply) -> list[Any]:
    found = outputs(reply)
    if "value" in found:
        return found["value"]
    rows = len(found["label"])
    width = len(found["probabilities"]) // rows
    return [(label, found["probabilities"][i * width : (i + 1) * width]) for i, label in enumerate(found["label"])]


def outputs(reply: Reply) -> dict[str, list[Any]]:
    """Flat data of each output, in JSON or in binary."""
    size = int(reply.headers.get("inference-header-content-length", len(reply.content)))
    document, at = msgspec.json.decode(reply.content[:size]), size
    found: dict[str, list[Any]] = {}
    for output in document["outputs"]:
        if "data" in output:
            found[output["name"]] = output["data"]
            continue
        part = reply.content[at : at + output["parameters"]["binary_data_size"]]
        at += len(part)
        found[output["name"]] = _unpacked(output["datatype"], part)
    assert at == len(reply.content)
    return found


def _unpacked(datatype: str, part: bytes) -> list[Any]:
    if datatype == "FP64":
        return list(struct.unpack(f"<{len(part) // 8}d", part))
    texts, at = [], 0
    while at < len(part):
        (length,) = struct.unpack_from("<I", part, at)
        texts.append(part[at + 4 : at + 4 + length].decode())
        at += 4 + length
    return texts
