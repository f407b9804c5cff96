"""Open Inference Protocol v2: health, metadata and `infer`, with tensors as JSON or in binary (Triton's extension).

One input per feature, of shape [n] or [n, 1]; features that may be null may be left out. A classifier answers `label`
(BYTES [n]) and `probabilities` (FP64 [n, classes], the classes in the order of the metadata's parameters), a regression
`value` (FP64 [n]): FP64 because then the numbers are those of /predict to the last bit. `outputs` chooses among them.
Parameters that say how a client's codec made a tensor (content_type, pandas) do not matter here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from toolkit import __version__
from toolkit.serving.problems import Problem, shown
from toolkit.serving.protocols import refusing, tensors
from toolkit.serving.protocols.reading import refused
from toolkit.serving.protocols.tensors import BINARY, HEADER, Output, Tensor
from toolkit.serving.routing import Answer, Request
from toolkit.serving.rows import parse
from toolkit.serving.shares import Shares

if TYPE_CHECKING:
    from toolkit.serving.app import App
    from toolkit.serving.model import Prediction


class Asked(msgspec.Struct):
    """An output that a request chooses."""

    name: str
    parameters: dict[str, Any] = {}


class Question(msgspec.Struct):
    """The JSON of an `infer` request."""

    inputs: list[Tensor]
    id: str | None = None
    outputs: list[Asked] | None = None
    parameters: dict[str, Any] = {}


async def server(app: App, request: Request) -> Answer:
    return Answer(200, app.encode({"name": "toolkit", "version": __version__, "extensions": ["binary_tensor_data"]}))


async def live(app: App, request: Request) -> Answer:
    return Answer(200, b'{"live":true}')


async def ready(app: App, request: Request) -> Answer:
    return Answer(200, b'{"ready":true}')


async def model_ready(app: App, request: Request) -> Answer:
    return Answer(200, app.encode({"name": app.model.name, "ready": True}))


async def metadata(app: App, request: Request) -> Answer:
    signature = app.model.signature
    document = {
        "name": app.model.name,
        "versions": [str(app.info.version)],
        "platform": "onnx_onnxruntime",
        "inputs": [
            {"name": f.name, "datatype": tensors.DATATYPES[f.dtype][0], "shape": [-1]} for f in signature.features
        ],
        "outputs": _output_metadata(app),
        "parameters": {"task": signature.task, "classes": list(signature.classes), "digest": app.model.digest},
    }
    return Answer(200, app.encode(document))


async def infer(app: App, request: Request) -> Answer:
    data = await request.body.read(request.headers, (BINARY,))
    head, tail = tensors.parted(data, request.headers)
    try:
        question = msgspec.convert(parse(head), Question)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise refused(where.strip("`").removeprefix("$.") or None, what) from error
    wanted = _wanted(question, [output["name"] for output in _output_metadata(app)])
    batch = app.validator.arrays(_columns(app, question.inputs, tail))
    prefix, prediction = await app.predicted(request, batch)
    return _answer(app, question, prefix, [(_output(name, prediction), binary) for name, binary in wanted])


def failure(problem: Problem) -> Answer:
    return refusing.answer(problem, {"error": refusing.sentence(problem)})


def _columns(app: App, inputs: list[Tensor], tail: memoryview) -> dict[str, Any]:
    features = {f.name: f for f in app.model.signature.features}
    columns: dict[str, Any] = {}
    reader = tensors.Reader(tail)
    for tensor in inputs:
        if tensor.name in columns:
            raise refused(shown(tensor.name), "is there twice")
        columns[tensor.name] = reader.values(tensor, features.get(tensor.name))
    reader.end()
    return columns


def _wanted(question: Question, names: list[str]) -> list[tuple[str, bool]]:
    """(output, whether in binary), in the order asked for."""
    default = question.parameters.get("binary_data_output", False) is True
    for asked in question.outputs or ():
        if asked.name not in names:
            raise refused(shown(asked.name), f"no such output; there are {', '.join(names)}")
        if asked.parameters.get("classification"):
            raise refused(asked.name, "the classification extension is not offered; ask for the output itself")
    if not question.outputs:
        return [(name, default) for name in names]
    return [(asked.name, asked.parameters.get("binary_data", default) is True) for asked in question.outputs]


def _output_metadata(app: App) -> list[dict[str, Any]]:
    signature = app.model.signature
    if signature.task == "regression":
        return [{"name": "value", "datatype": "FP64", "shape": [-1]}]
    return [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, len(signature.classes)]},
    ]


def _output(name: str, prediction: Prediction) -> Output:
    rows = len(prediction)
    if name == "label":
        return Output(name, "BYTES", [rows], prediction.labels)
    if name == "value":
        return Output(name, "FP64", [rows], prediction.values)
    given = prediction.probabilities
    flat = given.table.reshape(-1) if isinstance(given, Shares) else [share for shares in given for share in shares]
    return Output(name, "FP64", [rows, len(prediction.classes)], flat)


def _answer(app: App, question: Question, prefix: str, outputs: list[tuple[Output, bool]]) -> Answer:
    parts = [tensors.packed(output) if binary else b"" for output, binary in outputs]
    document = {
        "model_name": app.model.name,
        "model_version": str(app.info.version),
        **({"id": question.id} if question.id is not None else {}),
        "outputs": [
            tensors.described(output, part if binary else None)
            for (output, binary), part in zip(outputs, parts, strict=True)
        ],
    }
    head = app.encode(document)
    ids = ((b"x-prediction-id", prefix.encode()),)
    if not any(binary for _, binary in outputs):
        return Answer(200, head, headers=ids)
    return Answer(200, b"".join([head, *parts]), BINARY, (*ids, (HEADER, str(len(head)).encode())))
