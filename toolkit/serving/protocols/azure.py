"""Azure ML's /score: `{"input_data": ...}` (MLflow models there) or `{"data": [...]}`, and a list of predictions out.

`input_data` and `data` are pandas' split, a list of rows, or columns by name; whatever /predict takes is taken as well.
Errors have the shape of Azure's APIs. Its health routes are configured in the deployment: `/healthz`, or `/` as its own
images have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.serving.problems import Problem, shown
from toolkit.serving.protocols import reading, refusing
from toolkit.serving.protocols.reading import refused
from toolkit.serving.routing import Answer, Request
from toolkit.serving.rows import Batch, parse

if TYPE_CHECKING:
    from toolkit.serving.app import App

KEYS = ("input_data", "data")
_CODES = {404: "NotFound", 413: "RequestTooLarge", 500: "InternalServerError", 503: "ServiceUnavailable"}


async def score(app: App, request: Request) -> Answer:
    batch = _batch(app, parse(await request.body.read(request.headers)))
    prefix, prediction = await app.predicted(request, batch)
    return Answer(200, app.encode(app.items(prefix, prediction)))


def failure(problem: Problem) -> Answer:
    code = _CODES.get(problem.status, "BadRequest")
    return refusing.answer(problem, {"error": {"code": code, "message": refusing.sentence(problem)}})


def _batch(app: App, document: Any) -> Batch:
    names = [f.name for f in app.model.signature.features]
    given = [k for k in KEYS if isinstance(document, dict) and k in document and k not in names]
    if not given:
        return app.validator.document(document)
    key, *more = given
    for name in [*more, *(k for k in document if k not in (*KEYS, "params"))]:
        raise refused(shown(name), f"unknown field beside {key!r}")
    content = document[key]
    if not isinstance(content, dict):
        return app.validator.records(reading.rows(names, content, key))
    if "data" in content and "data" not in names:
        return app.validator.records(reading.split(names, content, key))
    return app.validator.table(reading.columns(content))
