"""The same application, described: an OpenAPI document that is true of the fast routes, and FastAPI to show it.

The schemas are those of the very Structs that decode requests (msgspec writes them as JSON Schema), so the document
cannot say something else than what is accepted; a test sends what the schema allows and what it forbids and compares.
The routes of other protocols come from `protocols.described`. Imported on the first request for a page: FastAPI and
pydantic cost more than the rest of a cold start together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from toolkit import __version__
from toolkit.domain.records import Feature
from toolkit.serving import byhand, ids, problems, validate
from toolkit.serving.protocols import described
from toolkit.serving.routing import ARROW

if TYPE_CHECKING:
    from fastapi import FastAPI

    from toolkit.serving.app import App

# The pages load one script and one style from a public CDN, as FastAPI has them; everything else stays forbidden.
_CDN = "https://cdn.jsdelivr.net"
PAGE_POLICY = (
    f"default-src 'none'; script-src 'unsafe-inline' {_CDN};"
    f" style-src 'unsafe-inline' {_CDN} https://fonts.googleapis.com;"
    " font-src https://fonts.gstatic.com; img-src 'self' data: https://fastapi.tiangolo.com https://cdn.redoc.ly;"
    " connect-src 'self'; worker-src blob:; frame-ancestors 'none'"
)


def application(app: App) -> FastAPI:
    """The FastAPI application behind /docs, /redoc and /openapi.json of `app`."""
    from fastapi import FastAPI, Request, Response

    title = app.model.name
    pages = FastAPI(title=title, version=str(app.info.version), docs_url="/docs", redoc_url="/redoc")
    document = openapi(app)
    pages.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI's own way to give a document

    @pages.middleware("http")
    async def guard(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-content-type-options"] = "nosniff"
        response.headers["referrer-policy"] = "no-referrer"
        response.headers["content-security-policy"] = PAGE_POLICY
        return response

    return pages


def openapi(app: App) -> dict[str, Any]:
    """OpenAPI 3.1 of every route of `app`, with the model's signature as the schema of what it takes."""
    content, schemas = _bodies(app)
    foreign = described.paths(app)
    return {
        "openapi": "3.1.0",
        "security": [{}, {"bearer": []}],  # where the endpoint itself asks for a token (`auth`)
        "info": {
            "title": app.model.name,
            "version": str(app.info.version),
            "description": f"A {app.model.signature.task} model of {app.model.signature.label!r}, served by toolkit "
            f"{__version__}. Digest {app.model.digest}.",
        },
        "paths": _merged(
            foreign,
            {
                "/predict": {
                    "post": _also_arrow(
                        _operation("predict", "Predict rows", content["predict"], "Predictions", *_BODY_PROBLEMS)
                    )
                },
                "/feedback": {
                    "post": _operation(
                        "feedback", "Labels of predictions", content["feedback"], "Stored", *_BODY_PROBLEMS, 501, 503
                    )
                },
                "/explain": {
                    "post": _operation(
                        "explain",
                        "What each feature added to a prediction",
                        content["explain"],
                        "Explanations",
                        *_BODY_PROBLEMS,
                        501,
                        503,
                    )
                },
                "/healthz": {"get": _operation("health", "Ready to answer", None, "Health")},
                "/metrics": {"get": _operation("metrics", "Prometheus text", None, "")},
                "/": {"get": _operation("describe", "What is served here", None, "Description")},
            },
        ),
        "components": {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _merged(foreign: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Ours first; where Vertex AI took a path and method of ours, it is Vertex's."""
    return {**own, **{path: {**own.get(path, {}), **methods} for path, methods in foreign.items()}}


def _also_arrow(operation: dict[str, Any]) -> dict[str, Any]:
    """An Arrow IPC stream of columns is taken too, and given to who accepts it, where the bundle has pyarrow."""
    for body in (operation["requestBody"], operation["responses"]["200"]):
        body["content"][ARROW.decode()] = {"schema": {"type": "string", "format": "binary"}}
    return operation


_BODY_PROBLEMS = (400, 408, 413, 415, 422)


class Explained(msgspec.Struct):
    """A problem, RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[problems.Finding] = []


class ClassAnswer(msgspec.Struct):
    label: str
    probabilities: dict[str, float | None]


class ValueAnswer(msgspec.Struct):
    value: float | None


class Explanation(msgspec.Struct):
    """One row: `value` is `base` (the background's average) plus the sum of the contributions, a number a feature, all
    on the scale `space`. Of two classes the second is explained, of more the predicted one."""

    method: Literal["exact", "sampled"]
    space: Literal["value", "probability", "log-odds", "log", "score"]
    value: float | None
    base: float | None
    contributions: dict[str, float | None]
    explained: str | msgspec.UnsetType = msgspec.UNSET


def _explanations(answer: type) -> type:
    """`explained` names the class, where there are classes."""
    row = msgspec.defstruct("ExplanationOf", [("prediction", answer)], bases=(Explanation,), kw_only=True)
    parts = [("model", str), ("version", int), ("background", int), ("explanations", list[row])]  # type: ignore[valid-type]
    return msgspec.defstruct("Explanations", parts)


class Health(msgspec.Struct):
    status: str


class Stored(msgspec.Struct):
    stored: int


class FeatureOut(msgspec.Struct):
    name: str
    dtype: str
    nullable: bool


class Description(msgspec.Struct):
    endpoint: str
    model: str
    version: int
    digest: str
    task: str
    label: str
    classes: list[str]
    features: list[FeatureOut]
    paths: list[str]


class Classified(msgspec.Struct):
    id: str
    label: str
    probabilities: dict[str, float | None]


class Valued(msgspec.Struct):
    id: str
    value: float | None


def _bodies(app: App) -> tuple[dict[str, Any], dict[str, Any]]:
    """(request schemas by route, all named schemas)."""
    validator, signature = app.validator, app.model.signature
    rows = list[validator.row_type]  # type: ignore[name-defined]  # made at run time
    row = Valued if signature.task == "regression" else Classified
    types: list[Any] = [
        validator.row_type,
        *(validate.envelope(name, rows) for name in byhand.ENVELOPES),
        validate.envelope(byhand.COLUMNS, validator.columns_type),
        msgspec.defstruct("Predictions", [("model", str), ("version", int), ("predictions", list[row])]),  # type: ignore[valid-type]
        *(Explained, Health, Stored, Description),
        _explanations(ValueAnswer if signature.task == "regression" else ClassAnswer),
    ]
    refs, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for column, feature in zip(("Record", "Columns"), (signature.features,) * 2, strict=True):
        _explain(schemas[column]["properties"], feature)
    bound = {"minItems": 1, "maxItems": app.limits.max_rows}
    for name in byhand.ENVELOPES:
        schemas[f"{name.capitalize()}Body"]["properties"][name] |= bound
    for column in schemas["Columns"]["properties"].values():
        column |= bound
    if all(f.nullable for f in signature.features):
        schemas["Columns"]["minProperties"] = 1
    predict = {"anyOf": [*refs[1:4], {"type": "array", "items": refs[0], **bound}, refs[0]]}
    item = {
        "type": "object",
        "required": ["id", "label"],
        "additionalProperties": False,
        "properties": {"id": {"type": "string", "pattern": f"^{ids.PATTERN}$"}, "label": _label_schema(app)},
    }
    feedback = {
        "anyOf": [
            {
                "type": "object",
                "required": ["feedback"],
                "additionalProperties": False,
                "properties": {"feedback": {"type": "array", "items": item, **bound}},
            },
            {"type": "array", "items": item, **bound},
            item,
        ]
    }
    return {"predict": predict, "feedback": feedback, "explain": _explainable(app, predict)}, schemas


def _explainable(app: App, predict: dict[str, Any]) -> dict[str, Any]:
    """What /predict takes, with fewer rows."""
    few = {"maxItems": min(app.limits.max_rows, app.limits.explain_rows)}
    enveloped = [{"properties": dict.fromkeys(byhand.ENVELOPES, few)}]
    columns = {"properties": {byhand.COLUMNS: {"additionalProperties": few}}}
    return {**predict, "allOf": [*enveloped, columns, few]}


def _label_schema(app: App) -> dict[str, Any]:
    if app.model.signature.task == "regression":
        return {"type": "number"}
    return {"type": ["string", "number", "boolean"], "description": f"one of {list(app.model.signature.classes)}"}


def _explain(properties: dict[str, Any], features: tuple[Feature, ...]) -> None:
    """What training saw, as a description: advice, not a bound."""
    for feature in features:
        seen = []
        if feature.minimum is not None and feature.maximum is not None:
            seen.append(f"{feature.minimum:g} to {feature.maximum:g} in training")
        if feature.categories:
            seen.append(f"{', '.join(feature.categories[:20])} in training")
        properties[feature.name]["description"] = "; ".join([feature.dtype, *seen])
        properties[feature.name].pop("default", None)


def _operation(name: str, summary: str, body: Any, answer: str, *failures: int) -> dict[str, Any]:
    shape = {"$ref": f"#/components/schemas/{answer}"} if answer else {"type": "string"}
    media = "application/json" if answer else "text/plain"
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Explained"}}}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": "OK", "content": {media: {"schema": shape}}},
            **{str(status): {"description": problems.title(status), "content": problem} for status in (*failures, 500)},
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation
