"""The foreign routes for the OpenAPI document: their bodies in terms of the model's own `Record` and `Columns`.

The protocols are written down elsewhere, so this says what of them is taken and given here. Paths keep their `{model}`
and `{version}`, whose only values are those that are served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from toolkit.serving import problems
from toolkit.serving.protocols import routes, sagemaker, tensors

if TYPE_CHECKING:
    from toolkit.serving.app import App
    from toolkit.serving.protocols.routes import Entry

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
ANY: Schema = {}
BINARY = tensors.BINARY.decode()
CSV, LINES = sagemaker.CSV.decode(), sagemaker.LINES.decode()
_TITLES = {
    "v2": "Open Inference Protocol v2",
    "tensorflow": "TensorFlow Serving",
    "sagemaker": "SageMaker and MLflow",
    "azure": "Azure ML",
    "vertex": "Vertex AI",
}
_BAD_BODY = (400, 408, 413, 415)


class Said(NamedTuple):
    """`body` and `answer` are schemas by content type."""

    summary: str
    answer: dict[str, Schema]
    body: dict[str, Schema] | None = None
    failures: tuple[int, ...] = ()


def paths(app: App) -> dict[str, dict[str, Any]]:
    """Path -> method -> operation, of every route of the table and those that Vertex AI asked for."""
    said = _said(app)
    found: dict[str, dict[str, Any]] = {}
    for number, entry in enumerate((*routes.TABLE, *routes.vertex_entries(app))):
        about = said[entry.protocol, entry.function]
        found.setdefault(entry.path, {})[entry.method.lower()] = _operation(app, entry, about, number)
    return found


def _operation(app: App, entry: Entry, said: Said, number: int) -> dict[str, Any]:
    values = {"model": app.model.name, "version": str(app.info.version)}
    parts = [name for name in values if f"{{{name}}}" in entry.path]
    failures = (*((404,) if parts else ()), *(_BAD_BODY if said.body is not None else ()), *said.failures, 500)
    error = {"application/json": {"schema": _error(entry.protocol)}}
    answer = {kind: {"schema": schema} for kind, schema in said.answer.items()}
    operation: dict[str, Any] = {
        "operationId": f"{entry.protocol}_{entry.function}_{number}",
        "summary": said.summary,
        "tags": [_TITLES[entry.protocol]],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "enum": [values[name]]}}
            for name in parts
        ],
        "responses": {
            "200": {"description": "OK", **({"content": answer} if answer else {})},
            **{str(s): {"description": problems.title(s), "content": error} for s in sorted(set(failures))},
        },
    }
    if said.body is not None:
        content = {kind: {"schema": schema} for kind, schema in said.body.items()}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _error(protocol: str) -> Schema:
    inner = {
        "sagemaker": _object(error_code=TEXT, message=TEXT),
        "vertex": _object(error=_object(code={"type": "integer"}, message=TEXT, status=TEXT)),
        "azure": _object(error=_object(code=TEXT, message=TEXT)),
    }
    return inner.get(protocol, _object(error=TEXT))


def _said(app: App) -> dict[tuple[str, str], Said]:
    item = _ref("Valued" if app.model.signature.task == "regression" else "Classified")
    rows, split = _list({"anyOf": [_ref("Record"), _list(ANY)]}), _split()
    predictions = _object(predictions=_list(item))
    scoring = {"anyOf": [_object(**{key: schema}) for key, schema in _mlflow(rows, split).items()]}
    scored = {"application/json": predictions, CSV: TEXT, LINES: TEXT}
    data = {"anyOf": [split, rows, _ref("Columns")]}
    return {
        ("v2", "server"): _read("The server", _object(name=TEXT, version=TEXT, extensions=_list(TEXT))),
        ("v2", "live"): _read("Alive", _object(live={"type": "boolean"})),
        ("v2", "ready"): _read("Ready", _object(ready={"type": "boolean"})),
        ("v2", "model_ready"): _read("The model is ready", _object(name=TEXT, ready={"type": "boolean"})),
        ("v2", "metadata"): _read("The model's inputs and outputs", _metadata()),
        ("v2", "infer"): _infer(app),
        ("tensorflow", "status"): _read("The model's state", _object(model_version_status=_list({"type": "object"}))),
        ("tensorflow", "predict"): _tensorflow(app, rows),
        ("sagemaker", "ping"): Said("Ready to answer", {}),
        ("sagemaker", "version"): Said("The version of the toolkit that serves", {"text/plain": TEXT}),
        ("sagemaker", "invocations"): Said(
            "Predict rows", scored, {"application/json": scoring, CSV: TEXT, LINES: TEXT}, (406,)
        ),
        ("azure", "score"): _write(
            "Predict rows", _list(item), {"anyOf": [_object(input_data=data), _object(data=data)]}
        ),
        ("vertex", "health"): _read("Ready to answer", _ref("Health")),
        ("vertex", "predict"): _write("Predict rows", predictions, _object(instances=rows)),
    }


def _mlflow(rows: Schema, split: Schema) -> dict[str, Schema]:
    inputs = {"anyOf": [_ref("Columns"), rows]}
    return {"instances": rows, "dataframe_split": split, "dataframe_records": rows, "inputs": inputs}


def _split() -> Schema:
    shape = _object(columns=_list(TEXT), index=_list(ANY), data=_list(_list(ANY)))
    return {**shape, "required": ["data"]}


def _metadata() -> Schema:
    tensor = _object(name=TEXT, datatype=TEXT, shape=_list({"type": "integer"}))
    return _object(name=TEXT, versions=_list(TEXT), platform=TEXT, inputs=_list(tensor), outputs=_list(tensor))


def _tensor(names: list[str]) -> Schema:
    datatypes = list(dict.fromkeys(d for taken in tensors.DATATYPES.values() for d in taken))
    shape = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1, "maxItems": 2}
    parts = {
        "name": {"enum": names},
        "datatype": {"enum": datatypes},
        "shape": shape,
        "parameters": {"type": "object"},
        "data": _list(ANY),
    }
    return {"type": "object", "required": ["name", "datatype", "shape"], "properties": parts}


def _infer(app: App) -> Said:
    inputs = _list(_tensor([f.name for f in app.model.signature.features]))
    outputs = ["value"] if app.model.signature.task == "regression" else ["label", "probabilities"]
    asked = {"type": "object", "required": ["name"], "properties": {"name": {"enum": outputs}}}
    question = _object(inputs=inputs, id=TEXT, outputs=_list(asked), parameters={"type": "object"})
    answer = _object(model_name=TEXT, model_version=TEXT, id=TEXT, outputs=_list({"type": "object"}))
    return Said(
        "Predict rows, a tensor a feature; tensors in binary lie after the JSON",
        {"application/json": {**answer, "required": ["model_name", "model_version", "outputs"]}, BINARY: _bytes()},
        {"application/json": {**question, "required": ["inputs"]}, BINARY: _bytes()},
    )


def _tensorflow(app: App, rows: Schema) -> Said:
    signature = {"signature_name": {"enum": ["", "serving_default"]}}
    shapes = [{"instances": rows}, {"inputs": _ref("Columns")}]
    question = [{**_object(**shape, **signature), "required": list(shape)} for shape in shapes]
    answer = {"anyOf": [_object(predictions=_list(ANY)), _object(outputs=ANY)]}
    return _write("Predict rows (instances) or columns (inputs)", answer, {"anyOf": question})


def _read(summary: str, answer: Schema) -> Said:
    return Said(summary, {"application/json": answer})


def _write(summary: str, answer: Schema, body: Schema) -> Said:
    return Said(summary, {"application/json": answer}, {"application/json": body})


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _bytes() -> Schema:
    return {"type": "string", "format": "binary"}
