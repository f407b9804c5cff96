"""Vertex AI's custom containers: `{"instances": [...]}` in, `{"predictions": [...]}` out, at the routes it names.

An instance is an object by feature name or a list in the order of the features; `parameters` belong to models that have
some and are not looked at. Errors have the shape of Google's APIs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.serving.problems import Problem, shown
from toolkit.serving.protocols import reading, refusing
from toolkit.serving.protocols.reading import refused
from toolkit.serving.routing import Answer, Request

if TYPE_CHECKING:
    from toolkit.serving.app import App

_STATUS = {404: "NOT_FOUND", 500: "INTERNAL", 503: "UNAVAILABLE"}


async def health(app: App, request: Request) -> Answer:
    return Answer(200, b'{"status":"ok"}')


async def predict(app: App, request: Request) -> Answer:
    document = reading.document(await request.body.read(request.headers), "instances")
    for name in document:
        if name not in ("instances", "parameters"):
            raise refused(shown(name), "unknown field; there are instances, parameters")
    names = [f.name for f in app.model.signature.features]
    batch = app.validator.records(reading.rows(names, document["instances"], "instances"))
    prefix, prediction = await app.predicted(request, batch)
    return Answer(200, app.encode({"predictions": app.items(prefix, prediction)}))


def failure(problem: Problem) -> Answer:
    code = refusing.status(problem)
    status = _STATUS.get(code, "INVALID_ARGUMENT")
    return refusing.answer(problem, {"error": {"code": code, "message": refusing.sentence(problem), "status": status}})
