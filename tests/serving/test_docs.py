"""The OpenAPI document is true: what it forbids is refused, what it allows is answered, and it is valid itself."""

from __future__ import annotations

import json
import math
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving import callers
from tests.serving.endpoints import FEATURES, ROW, Client
from toolkit.ports.store import Store
from toolkit.serving import about, auth, docs
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.feedback import Feedback
from toolkit.serving.model import Model
from toolkit.serving.protocols import routes
from toolkit.serving.routing import DOCS
from toolkit.serving.settings import Auth, Limits


def schema_of(document: dict[str, Any], path: str) -> Any:
    """A validator of a route's request body, components included."""
    body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return jsonschema_rs.validator_for({**body, "components": document["components"]})


def test_the_pages_and_the_document_are_served(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {"/predict", "/feedback", "/explain", "/healthz", "/metrics", "/"} | set(
        routes._PATTERNS
    )
    for page in ("/docs", "/redoc"):
        reply = client.get(page)
        assert (reply.status, b"<html" in reply.content.lower()) == (200, True)
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_bundle_without_fastapi_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fastapi", None)
    reply = client.get("/docs")
    assert (reply.status, reply.json()["type"]) == (501, "urn:toolkit:problem:no-docs")
    assert client.post("/predict", ROW).status == 200


@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression", "sampled"])
def test_every_answer_is_what_the_document_says(kind: str, request: pytest.FixtureRequest) -> None:
    client = Client(create_app(request.getfixturevalue(kind)))
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            reply = client.post(path, ROW) if path in ("/predict", "/explain") else client.request(method.upper(), path)
            media = operation["responses"].get(str(reply.status), {}).get("content")
            if media is None or "text/plain" in media:
                continue
            shape = media[reply.headers["content-type"]]
            validator = jsonschema_rs.validator_for({**shape["schema"], "components": document["components"]})
            validator.validate(reply.json())


NAMES = [f.name for f in FEATURES]
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
    st.sampled_from(["2013-07-01", "2013-07-01T12:00:00Z", "2013-07-01 12:00:00.5+01:00", "2013-7-1", "noon", "JFK"]),
    st.lists(st.none(), max_size=1),
)


@st.composite
def record(draw: st.DrawFn) -> dict[str, Any]:
    """ROW with some values replaced, left out or added: about half of these are right."""
    made = dict(ROW)
    for name in draw(st.lists(st.sampled_from([*NAMES, "stranger"]), max_size=2)):
        if draw(st.booleans()) and name in made:
            del made[name]
        else:
            made[name] = draw(SCALARS)
    return made


@st.composite
def body(draw: st.DrawFn) -> Any:
    records = draw(st.lists(record() | SCALARS, max_size=4) | st.lists(record(), min_size=1, max_size=3))
    shape = draw(st.sampled_from(["list", "single", "records", "instances", "columns", "both", "scalar"]))
    if shape == "single":
        return draw(record())
    if shape == "scalar":
        return draw(SCALARS)
    if shape == "columns":
        rows = draw(st.integers(0, 3))
        names = draw(st.lists(st.sampled_from([*NAMES, "stranger"]), unique=True, max_size=2))
        columns = {name: [value] * rows for name, value in ROW.items()}
        for name in names:
            columns[name] = draw(st.lists(SCALARS, min_size=rows, max_size=rows))
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=1)):
            del columns[name]
        return {"columns": columns}
    if shape == "both":
        return {"records": records, draw(st.sampled_from(["instances", "x"])): []}
    return records if shape == "list" else {shape: records}


@pytest.fixture(scope="module")
def small(binary: Model) -> App:
    return create_app(binary, limits=Limits(max_rows=3), info=Info(endpoint="flights"))


@pytest.fixture(scope="module")
def predicting(small: App) -> Any:
    return schema_of(docs.openapi(small), "/predict")


@pytest.fixture(scope="module")
def explaining(sampled: Model) -> App:
    return create_app(sampled, limits=Limits(max_rows=3, explain_rows=2), info=Info(endpoint="flights"))


@pytest.fixture(scope="module")
def explainable(explaining: App) -> Any:
    return schema_of(docs.openapi(explaining), "/explain")


@pytest.fixture(scope="module")
def labelling(small: App) -> Any:
    return schema_of(docs.openapi(small), "/feedback")


@given(document=body())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_document_and_the_endpoint_agree_on_every_body(small: App, predicting: Any, document: Any) -> None:
    allowed = predicting.is_valid(document)
    reply = Client(small).post("/predict", document)
    assert reply.status in (200, 413, 422)
    assert (reply.status == 200) is allowed, (reply.content, document)


@given(document=body())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_they_agree_on_every_body_of_explain_with_its_own_bound(
    explaining: App, explainable: Any, document: Any
) -> None:
    reply = Client(explaining).post("/explain", document)
    assert reply.status in (200, 413, 422)
    assert (reply.status == 200) is explainable.is_valid(document), (reply.content, document)


@given(
    document=st.one_of(
        st.fixed_dictionaries({"id": st.text(max_size=3), "label": st.sampled_from(["late", 5, None])}).map(
            lambda item: {"feedback": [item]}
        ),
        SCALARS,
        st.lists(SCALARS, max_size=2),
    )
)
@settings(max_examples=50, deadline=None)
def test_what_the_document_forbids_as_feedback_is_refused(small: App, labelling: Any, document: Any) -> None:
    if not labelling.is_valid(document):
        assert Client(small).post("/feedback", document).status in (413, 422, 501)


def test_the_document_tells_what_training_saw(app: App) -> None:
    properties = docs.openapi(app)["components"]["schemas"]["Record"]["properties"]
    assert properties["delay"]["description"] == "float64; -20 to 120 in training"
    assert properties["carrier code"]["description"] == "string; AA, B6, UA in training"
    assert "maximum" not in json.dumps(properties["delay"])  # advice, not a bound
    assert math.isfinite(properties["distance"]["maximum"])


# Unequal columns and 30 February fit the schema and not the endpoint, which a schema cannot say; so "valid data is
# accepted" is left to the test above, which knows them.
CHECKS = [checks.not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


TOKEN = {"authorization": f"Bearer {callers.TOKEN}"}


@pytest.mark.slow
@pytest.mark.parametrize("guarded", [False, True], ids=["public", "token"])
def test_schemathesis_finds_no_server_error(sampled: Model, store: Store, guarded: bool) -> None:
    """Every operation, with bodies made from its schema and with broken ones, through a real ASGI client. Behind a
    token every call is made twice: with it the answer is the same as without a guard, without it 401."""
    feedback = Feedback(store, sampled.signature, target="dev", endpoint="flights", limits=Limits())
    info = Info(version=3, vertex_predict="/vertex", vertex_health="/vertex")
    app = create_app(sampled, feedback=feedback, info=info)
    served = auth.guarded(app, Auth(mode="token", tokens=(auth.digest(callers.TOKEN),))) if guarded else app
    schema = schemathesis.openapi.from_asgi("/openapi.json", served, headers=TOKEN)
    statuses: list[int] = []
    operations: set[tuple[str, str]] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        operations.add((operation.method.upper(), operation.path))
        strategy = operation.as_strategy() | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

        @given(case=strategy)
        @settings(
            max_examples=8 if guarded else 15, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        def run(case: Any) -> None:
            response = case.call(headers=TOKEN)
            statuses.append(response.status_code)
            case.validate_response(response, checks=CHECKS)
            if guarded and case.path not in auth.OPEN and case.method != "GET":
                assert case.call(headers={"authorization": "Bearer wrong"}).status_code == 401

        run()
    assert {(method, path) for method, path in about.table(app) if path not in DOCS} == {
        (method, path.format(model=sampled.name, version=3)) for method, path in operations
    }
    assert {200, 422} <= set(statuses) <= {200, 400, 404, 405, 413, 415, 422}
