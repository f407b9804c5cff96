"""Who may ask: the matrix of every route, method and kind of caller, and what a stranger is told."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving import callers
from tests.serving.callers import BY_TOKEN, TOKEN, ask, by_jwt, signed
from tests.serving.endpoints import ROW, Client
from tests.serving.live import served
from tests.serving.protocols import questions
from toolkit.serving import about, auth, docs
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.auth import OPEN, guarded
from toolkit.serving.connection import Connection
from toolkit.serving.model import Model
from toolkit.serving.routing import DOCS
from toolkit.serving.settings import Auth

INFO = Info(endpoint="flights", version=3, vertex_predict="/vertex", vertex_health="/vertex/health")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
STRANGE = (
    "/nothing",
    "/predict/",
    "//predict",
    "/PREDICT",
    "/../predict",
    "/healthz/..",
    "/_admin",
    "/v2/models/x/infer",
    "/static/a",
)
OPEN_HERE = {*OPEN, INFO.vertex_health}


@pytest.fixture(scope="module")
def inner(binary: Model) -> App:
    return create_app(binary, info=INFO)


@pytest.fixture(scope="module")
def asked_for(inner: App) -> dict[str, Any]:
    """Kind of auth -> the application behind it."""
    kinds = {"token": BY_TOKEN, "jwt": by_jwt(), "closed": Auth(mode="closed")}
    return {name: guarded(inner, kind, also_open=(INFO.vertex_health,)) for name, kind in kinds.items()}


def wrong() -> dict[str, list[str]]:
    return {**callers.wrong_headers(), **{name: [f"Bearer {t}"] for name, t in callers.wrong_tokens().items()}}


def test_the_table_of_routes_is_whole(inner: App) -> None:
    """What the document describes, what the router has and what the matrix asks are one list."""
    table = about.table(inner)
    documented = {
        (method.upper(), path.format(model=inner.model.name, version=INFO.version))
        for path, operations in docs.openapi(inner)["paths"].items()
        for method in operations
    }
    assert set(table) == documented | {("GET", path) for path in DOCS}
    assert {path for path, reason in OPEN.items() if reason} <= {path for _, path in table}
    assert {method for method, path in table if path in OPEN_HERE} == {"GET"}


@pytest.mark.parametrize("kind", ["token", "jwt", "closed"])
def test_no_route_is_open(asked_for: dict[str, Any], inner: App, kind: str) -> None:
    """Every path x method x wrong caller: 401, except what platforms probe, by GET and HEAD."""
    app, callers_ = asked_for[kind], wrong()
    right = {"token": f"Bearer {TOKEN}", "jwt": f"Bearer {signed()}"}
    if kind != "token":
        callers_["token of another endpoint"] = [right["token"]]
    if kind != "jwt":
        callers_["JWT of an endpoint that takes them"] = [right["jwt"]]
    paths = [*dict.fromkeys(path for _, path in about.table(inner)), *STRANGE]
    asked = 0
    for path in paths:
        for method in METHODS:
            is_open = path in OPEN_HERE and method in ("GET", "HEAD")
            # the whole product once for one method of a path; elsewhere a caller of each way to be wrong
            names = (
                callers_
                if method == "POST" and path in ("/predict", "/nothing")
                else ("none", "wrong token", "alg none", "expired")
            )
            for name in names:
                status, headers, content = ask(app, method, path, callers_[name])
                assert (status != 401) is is_open, (method, path, name, status)
                asked += 1
                if not is_open:
                    assert headers["www-authenticate"].startswith('Bearer realm="toolkit"')
                    assert "access-control-allow-origin" not in headers
                    assert b"flights" not in content
                    assert b"late" not in content
                    assert b"eyJ" not in content
                    assert TOKEN.encode() not in content
    assert asked > len(paths) * len(METHODS) * 4


def test_who_may_ask_is_answered_everywhere(asked_for: dict[str, Any], inner: App) -> None:
    for kind, token in (("token", TOKEN), ("jwt", signed())):
        for method, path in about.table(inner):
            status, headers, _ = ask(asked_for[kind], method, path, [f"bearer  {token} "], json.dumps(ROW).encode())
            assert status not in (401, 403, 404, 405), (kind, method, path)
            assert "www-authenticate" not in headers


def test_what_is_open_says_nothing(asked_for: dict[str, Any], inner: App) -> None:
    for path in OPEN_HERE:
        status, _, content = ask(asked_for["closed"], "GET", path, [])
        assert (status, content) in [
            (200, b""),
            (200, b'{"status":"ok"}'),
            (200, b'{"live":true}'),
            (200, b'{"ready":true}'),
        ]


def test_a_route_that_is_added_is_closed(binary: Model) -> None:
    """The guard knows no list of what it protects, only one of what it does not."""
    app = create_app(binary)
    app._routes["/new"] = app._routes["/healthz"]
    assert ask(guarded(app, BY_TOKEN), "GET", "/new", [])[0] == 401
    assert ask(guarded(app, BY_TOKEN), "GET", "/new", [f"Bearer {TOKEN}"])[0] == 200


def test_a_refusal_is_a_problem_counted_and_short_of_words(binary: Model, capfd: pytest.CaptureFixture[str]) -> None:
    app = create_app(binary)
    client = Client(guarded(app, BY_TOKEN))
    reply = client.request("POST", "/predict", b"x" * 100, {"authorization": "Bearer wrong", "x-request-id": "mine"})
    assert reply.json() == {
        "type": "urn:toolkit:problem:unauthenticated",
        "title": "Who is asking is not known",
        "status": 401,
        "detail": "the token is not the one of this endpoint",
        "request_id": "mine",
    }
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["www-authenticate"] == 'Bearer realm="toolkit", error="invalid_token"'
    assert reply.headers["cache-control"] == "no-store"
    assert app.measures.problems["unauthenticated"] == 1
    assert app.measures.requests["refused", 401] == 1
    assert client.post("/v2/models/flights/infer", {}).json()["error"].startswith("this endpoint asks for a token")
    assert client.get("/predict").headers["www-authenticate"] == 'Bearer realm="toolkit"'
    assert capfd.readouterr() == ("", "")


def test_the_body_of_a_stranger_is_not_read_to_its_end(binary: Model) -> None:
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
    asyncio.run(guarded(create_app(binary), BY_TOKEN)(scope, receive, send))
    assert (sent[0]["status"], taken) == (401, 16)


def test_any_of_several_tokens_opens(binary: Model) -> None:
    app = guarded(create_app(binary), Auth(mode="token", tokens=("0" * 64, auth.digest(TOKEN))))
    assert ask(app, "GET", "/", [f"Bearer {TOKEN}"])[0] == 200


def test_the_questions_of_every_protocol_pass_the_guard(binary: Model) -> None:
    app = guarded(questions.made(binary), BY_TOKEN)
    assert ask(app, "POST", "/v2/models/flights/infer", [f"Bearer {TOKEN}"], b"{}")[0] == 400


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.binary(max_size=60).map(lambda tail: b"Bearer " + tail),
            st.text("eyJhbGciOiJub25lIn0.-_=", max_size=80).map(lambda text: f"Bearer {text}".encode()),
            st.sampled_from([f"Bearer {TOKEN}".encode()[:n] for n in range(8, 43)]),
        ),
        max_size=2,
    )
)
def test_whatever_is_sent_opens_nothing_and_breaks_nothing(
    asked_for: dict[str, Any], given_headers: list[bytes]
) -> None:
    for kind in ("token", "jwt"):
        status, headers, _ = ask(asked_for[kind], "POST", "/predict", [v.decode("latin-1") for v in given_headers])
        assert status == 401
        assert "www-authenticate" in headers


@pytest.mark.slow
def test_the_fast_way_of_our_own_connection_does_not_go_past_the_guard(asked_for: dict[str, Any]) -> None:
    """`connection` answers a usual row without ASGI where it may; a guard looks at the token before that too."""
    rights = {"token": TOKEN, "jwt": signed(), "closed": TOKEN}
    for kind, app in asked_for.items():
        with served(app, http=Connection) as url:
            for sent, status in ((None, 401), ("wrong", 401), (rights[kind], 401 if kind == "closed" else 200)):
                headers = {"content-type": "application/json", **({"authorization": f"Bearer {sent}"} if sent else {})}
                request = urllib.request.Request(f"{url}/predict", json.dumps(ROW).encode(), headers)
                try:
                    answered = urllib.request.urlopen(request, timeout=20).status
                except urllib.error.HTTPError as refused:
                    answered = refused.code
                    refused.close()
                assert answered == status, (kind, sent)
