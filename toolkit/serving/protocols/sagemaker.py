"""SageMaker's /ping and /invocations, and MLflow's scoring bodies on the same /invocations (and its /version).

A client of SageMaker calls `/endpoints/{name}/invocations` of its runtime, which calls the container's /invocations;
here both are answered, so that such a client only needs another `endpoint_url`.

In: `application/json` (`instances`, or whatever /predict takes; MLflow's `dataframe_split`, `dataframe_records` and
`inputs`, told apart by their key; NaN is null in those three, `params` is not looked at, both as MLflow itself has it),
`text/csv` and `application/jsonlines` (a record a line). Out, by Accept: JSON `{"predictions": [...]}` with the items
of /predict, CSV without a header (label and probabilities, or the value), or JSON lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit import __version__
from toolkit.serving.body import media
from toolkit.serving.problems import Problem, shown
from toolkit.serving.protocols import reading, refusing
from toolkit.serving.protocols.reading import refused
from toolkit.serving.routing import JSON, Answer, Request
from toolkit.serving.rows import Batch, parse

if TYPE_CHECKING:
    from toolkit.serving.app import App
    from toolkit.serving.model import Prediction

CSV, LINES = b"text/csv", b"application/jsonlines"
MLFLOW = ("dataframe_split", "dataframe_records", "instances", "inputs")
_CODES = {404: "RESOURCE_DOES_NOT_EXIST", 500: "INTERNAL_ERROR", 503: "TEMPORARILY_UNAVAILABLE"}


async def ping(app: App, request: Request) -> Answer:
    return Answer(200, b"", b"text/plain; charset=utf-8")


async def version(app: App, request: Request) -> Answer:
    return Answer(200, __version__.encode(), b"text/plain; charset=utf-8")


async def invocations(app: App, request: Request) -> Answer:
    wanted = _accepted(request.headers.get(b"accept", b""))
    data = await request.body.read(request.headers, (CSV, LINES))
    content_type = request.headers.get(b"content-type", JSON)
    kind = media(content_type)
    if kind == CSV:
        from toolkit.serving.protocols import table

        batch = app.validator.table(table.columns(data, app.model.signature.features, content_type, app.limits))
    elif kind == LINES:
        batch = app.validator.records(_lines(app, data))
    else:
        batch = _json(app, parse(data), b"NaN" in data)
    prefix, prediction = await app.predicted(request, batch)
    content = _WRITERS[wanted](app, prefix, prediction)
    return Answer(200, content, wanted, ((b"x-prediction-id", prefix.encode()),))


def failure(problem: Problem) -> Answer:
    code = _CODES.get(problem.status, "BAD_REQUEST")
    return refusing.answer(problem, {"error_code": code, "message": refusing.sentence(problem)})


def _json(app: App, document: Any, gaps: bool) -> Batch:
    """`gaps`: the text has NaN in it, which is how MLflow's client writes what pandas has no other word for."""
    names = [f.name for f in app.model.signature.features]
    key = _envelope(document, names)
    if not key:
        return app.validator.document(document)
    content = document[key]
    for name in document:
        if name not in (key, "params"):
            raise refused(shown(name), f"unknown field beside {key!r}")
    gaps = gaps and key != "instances"
    if key == "dataframe_split":
        if not isinstance(content, dict):
            raise refused(key, f"expected columns and data, got {shown(content)}")
        records = reading.split(names, content, key)
    elif key == "inputs" and isinstance(content, dict):
        columns = reading.columns(content)
        return app.validator.table({n: _filled(v) for n, v in columns.items()} if gaps else columns)
    else:
        records = reading.rows(names, content, key)
    return app.validator.records([_filled(record) for record in records] if gaps else records)


def _filled(values: Any) -> Any:
    """A record or a column with null for NaN."""
    if isinstance(values, dict):
        return {name: None if value != value else value for name, value in values.items()}
    return [None if value != value else value for value in values] if isinstance(values, list) else values


def _envelope(document: Any, names: list[str]) -> str:
    """The key that says what a body is, "" for one of our own. A feature of that name in a single record is none."""
    if not isinstance(document, dict):
        return ""
    return next((k for k in MLFLOW if k in document and (k not in names or isinstance(document[k], (list, dict)))), "")


def _lines(app: App, data: bytes) -> list[Any]:
    rows = [line for line in data.split(b"\n") if line.strip()]
    if len(rows) > app.limits.max_rows:
        raise Problem(
            413, "too-many-rows", f"{len(rows)} lines in one request; at most {app.limits.max_rows} are taken"
        )
    found = []
    for row, line in enumerate(rows):
        try:
            found.append(parse(line))
        except Problem as problem:
            raise Problem(problem.status, problem.kind, f"line {row + 1}: {problem.detail}") from problem
    return reading.rows([f.name for f in app.model.signature.features], found, "lines")


def _accepted(accept: bytes) -> bytes:
    """The first type of the header that can be written. SageMaker passes on what its caller sent."""
    kinds = [media(part) for part in accept.split(b",") if part.strip()]
    for kind in kinds:
        if kind in (b"*/*", b"application/*"):
            return JSON
        if kind in _WRITERS:
            return kind
    if kinds:
        offered = ", ".join(kind.decode() for kind in _WRITERS)
        raise Problem(
            406, "not-acceptable", f"accept {shown(accept.decode('latin-1'))!r} is not offered; {offered} are"
        )
    return JSON


def _as_json(app: App, prefix: str, prediction: Prediction) -> bytes:
    return app.encode({"predictions": app.items(prefix, prediction)})


def _as_lines(app: App, prefix: str, prediction: Prediction) -> bytes:
    return b"".join(app.encode(item) + b"\n" for item in app.items(prefix, prediction))


def _as_csv(app: App, prefix: str, prediction: Prediction) -> bytes:
    from toolkit.serving.protocols import table

    if not prediction.labels:
        return table.text([value] for value in prediction.values)
    pairs = zip(prediction.labels, prediction.probabilities, strict=True)
    return table.text([label, *shares] for label, shares in pairs)


_WRITERS = {JSON: _as_json, CSV: _as_csv, LINES: _as_lines}
