"""Who may ask: the matrix of every route, method and kind of caller; keys and their rotation."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving import callers
from tests.serving.callers import AUDIENCE, ISSUER, TOKEN, claims, jwk, rsa_key, signed
from tests.serving.endpoints import ROW, Client
from tests.serving.live import served
from tests.serving.protocols import questions
from toolkit.domain.errors import ConfigError
from toolkit.serving import about, auth, docs, jwks
from toolkit.serving.app import App, Info, create_app
from toolkit.serving.auth import OPEN, guarded
from toolkit.serving.connection import Connection
from toolkit.serving.jwks import COOLDOWN, FRESH, STALE, Keys
from toolkit.serving.model import Model
from toolkit.serving.problems import Problem
from toolkit.serving.routing import DOCS
from toolkit.serving.settings import ALGORITHMS, Auth
from toolkit.serving.settings import auth as auth_of

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
JWT = Auth(mode="jwt", issuer=ISSUER, audience=(AUDIENCE,), algorithms=("RS256",))
BY_TOKEN = Auth(mode="token", tokens=(auth.digest(TOKEN),))


def by_jwt(**changes: Any) -> Auth:
    return Auth(**{**{f: getattr(JWT, f) for f in JWT.__struct_fields__}, "keys": (jwk(rsa_key(), "one"),), **changes})


def ask(app: Any, method: str, path: str, given: list[str], body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """One request over ASGI with any number of Authorization headers."""
    sent: list[dict[str, Any]] = []
    headers = [(b"content-type", b"application/json"), *((b"authorization", v.encode("latin-1")) for v in given)]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b"", "root_path": ""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    content = b"".join(m.get("body", b"") for m in sent[1:])
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}, content


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


OPEN_HERE = {*OPEN, INFO.vertex_health}


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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "token"}, "at least one token"),
        ({"mode": "token", "tokens": (TOKEN,)}, "at least one token"),
        ({"mode": "jwt"}, "needs issuer"),
        ({"mode": "jwt", "issuer": ISSUER}, "needs audience"),
        ({"mode": "jwt", "issuer": ISSUER, "audience": ("a",), "algorithms": ()}, "needs algorithms"),
        ({"mode": "jwt", "issuer": ISSUER, "audience": ("a",), "algorithms": ("HS256",)}, "'HS256'"),
        ({"mode": "jwt", "issuer": ISSUER, "audience": ("a",), "algorithms": ("none",)}, "'none'"),
        ({"mode": "jwt", "issuer": ISSUER, "audience": ("a",)}, "either keys or jwks_url"),
        (
            {"mode": "jwt", "issuer": ISSUER, "audience": ("a",), "jwks_url": "http://issuer.test/"},
            "not an https address",
        ),
        (
            {"mode": "jwt", "issuer": ISSUER, "audience": ("a",), "jwks_url": "file:///etc/passwd"},
            "not an https address",
        ),
        (
            {"mode": "jwt", "issuer": ISSUER, "audience": ("a",), "keys": ({"kty": "oct", "k": "AA"},)},
            "none of the keys",
        ),
    ],
)
def test_auth_that_cannot_be_checked_does_not_start(binary: Model, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        guarded(create_app(binary), Auth(**changes))


def test_the_variable_of_a_container() -> None:
    assert auth_of(" platform ").mode == "platform"
    assert auth_of(json.dumps({"mode": "token", "tokens": ["a"]})).tokens == ("a",)
    for text in ("opne", '{"mode": "open"}', "{", '{"mode": "public", "tokns": []}'):
        with pytest.raises(ConfigError, match="TOOLKIT_AUTH"):
            auth_of(text)


# What a JWT may be

KEYS = {"ES256": callers.ec_key, "EdDSA": callers.ed_key}


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"])
def test_every_algorithm_of_the_list(binary: Model, algorithm: str) -> None:
    key = KEYS.get(algorithm, rsa_key)()
    app = guarded(create_app(binary), by_jwt(algorithms=ALGORITHMS, keys=(jwk(key, "k", algorithm),)))
    assert ask(app, "GET", "/", [f"Bearer {signed(key=key, kid='k', algorithm=algorithm)}"])[0] == 200
    other = "RS256" if algorithm != "RS256" else "PS256"
    told = guarded(create_app(binary), by_jwt(algorithms=ALGORITHMS, keys=(jwk(key, "k", algorithm, alg=other),)))
    assert ask(told, "GET", "/", [f"Bearer {signed(key=key, kid='k', algorithm=algorithm)}"])[0] == 401


def test_leeway_audiences_and_a_token_without_kid(binary: Model) -> None:
    now = claims()["iat"]
    app = guarded(
        create_app(binary), by_jwt(audience=("trains", AUDIENCE), keys=(jwk(rsa_key(1), "a"), jwk(rsa_key(), "b")))
    )
    for token in (
        signed(claims(exp=now - 20), kid=None),
        signed(claims(nbf=now + 20), kid=None),
        signed(claims(aud=["x", "trains"]), kid="b"),
    ):
        assert ask(app, "GET", "/", [f"Bearer {token}"])[0] == 200
    assert ask(app, "GET", "/", [f"Bearer {signed(claims(exp=now - 40), kid='b')}"])[0] == 401


def test_claims_say_who(binary: Model) -> None:
    app = guarded(create_app(binary), by_jwt(claims={"email": ("a@x.test", "b@x.test"), "scope": ("predict",)}))
    cases: list[tuple[dict[str, Any], int]] = [
        ({"email": "b@x.test", "scope": "read predict"}, 200),
        ({"email": "a@x.test", "scope": ["predict"]}, 200),
        ({"email": "c@x.test", "scope": "predict"}, 403),
        ({"email": "a@x.test", "scope": "predictions"}, 403),
        ({"email": ["a@x.test", 1], "scope": ["predict", None]}, 200),
        ({"scope": "predict"}, 403),
        ({"email": {"a@x.test": 1}, "scope": "predict"}, 403),
    ]
    for payload, status in cases:
        answered, headers, _ = ask(app, "GET", "/", [f"Bearer {signed(claims(**payload))}"])
        assert answered == status, payload
        assert ("insufficient_scope" in headers.get("www-authenticate", "")) is (status == 403)


def test_keys_that_cannot_verify_are_none() -> None:
    good, weak = jwk(rsa_key(), "one"), jwk(callers.rsa_key(2, 1024), "weak")
    bad: list[Any] = [
        {**good, "use": "enc"}, {**good, "key_ops": ["encrypt"]}, {**good, "kty": "oct", "k": "AAAA"},
        {**good, "d": "AA"}, {"kid": "one"}, "one", None, 5,
    ]  # fmt: skip
    assert jwks.readable([*bad, good]) == [good]
    assert [k.key_id for k in jwks.chosen([good, weak, {**good, "n": "%"}], None, "RS256")] == ["one"]
    assert jwks.chosen([good], "one", "ES256") == []
    assert jwks.chosen([good], "One", "RS256") == []


# Keys that are fetched


class Issuer:
    """A JWKS document, a clock, and how often it was asked for."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys, self.asked, self.now, self.down = list(keys), 0, 1_000.0, False

    def fetch(self, url: str) -> bytes:
        assert url == "https://issuer.test/jwks"
        self.asked += 1
        if self.down:
            raise OSError("no route")
        return json.dumps({"keys": self.keys}).encode()

    def keys_of(self) -> Keys:
        return Keys(Auth(jwks_url="https://issuer.test/jwks"), self.fetch, lambda: self.now)


def look(keys: Keys, kid: str) -> bool:
    found = keys.at_hand(kid, "RS256")
    return bool(keys.fetched(kid, "RS256") if found is None else found)


def test_keys_are_fetched_kept_and_rotated() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    assert [look(keys, "one") for _ in range(100)] == [True] * 100
    assert issuer.asked == 1
    issuer.keys = [jwk(rsa_key(1), "two")]
    issuer.now += COOLDOWN + 1
    assert look(keys, "two")
    assert issuer.asked == 2
    assert not look(keys, "one")  # withdrawn with the document that no longer lists it
    assert issuer.asked == 2


def test_made_up_key_ids_cost_the_issuer_nothing() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    for number in range(500):
        assert not look(keys, f"made up {number}")
    assert issuer.asked == 1
    assert look(keys, "one")


def test_a_withdrawn_key_is_gone_when_the_document_is_fetched_anew() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    assert look(keys, "one")
    issuer.keys = [jwk(rsa_key(1), "two")]
    issuer.now += FRESH + 1
    assert not look(keys, "one")


def test_an_issuer_that_is_down_is_bridged_for_a_while() -> None:
    issuer = Issuer(jwk(rsa_key(), "one"))
    keys = issuer.keys_of()
    assert look(keys, "one")
    issuer.down = True
    issuer.now += FRESH + 1
    assert look(keys, "one")
    assert [look(keys, "one") for _ in range(50)] == [True] * 50
    assert issuer.asked == 2  # not at every call
    issuer.now += STALE
    with pytest.raises(Problem) as caught:
        look(keys, "one")
    assert (caught.value.status, caught.value.kind) == (503, "no-keys")
    issuer.down = False
    issuer.now += COOLDOWN + 1
    assert look(keys, "one")


@pytest.mark.parametrize(
    "document", [b"", b"<html>", b"[]", b"{}", b'{"keys": 5}', b'{"keys": []}', b'{"keys": [5]}', b"[" * 9_000, b"\xff"]
)
def test_a_document_that_is_none_lets_nobody_in(document: bytes) -> None:
    keys = Keys(Auth(jwks_url="https://issuer.test/jwks"), lambda url: document)
    with pytest.raises(Problem, match="keys of the issuer"):
        look(keys, "one")


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, Any]]]:
    """A real HTTP server of documents by path."""
    pages: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = pages[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}", pages
    made.shutdown()
    thread.join()
    made.server_close()


def test_keys_come_over_http(binary: Model, server: tuple[str, dict[str, Any]]) -> None:
    url, pages = server
    pages["/jwks"] = (200, {}, json.dumps({"keys": [jwk(rsa_key(), "one")]}).encode())
    app = guarded(create_app(binary), by_jwt(keys=(), jwks_url=f"{url}/jwks"))
    assert ask(app, "GET", "/", [f"Bearer {signed()}"])[0] == 200
    assert ask(app, "GET", "/", [f"Bearer {signed(key=rsa_key(1), kid='two')}"])[0] == 401


def test_redirects_errors_and_large_documents_are_none(server: tuple[str, dict[str, Any]]) -> None:
    url, pages = server
    pages["/jwks"] = (200, {}, b"{}")
    pages["/moved"] = (302, {"location": f"{url}/jwks"}, b"")
    pages["/gone"] = (500, {}, b"")
    pages["/large"] = (200, {}, b" " * (jwks.MAX_BYTES + 1))
    assert jwks.download(f"{url}/jwks") == b"{}"
    for path in ("/moved", "/gone"):
        with pytest.raises(OSError):
            jwks.download(url + path)
    with pytest.raises(ValueError, match="larger than"):
        jwks.download(f"{url}/large")


def test_a_digest_is_sha256() -> None:
    assert auth.digest(TOKEN) == hashlib.sha256(TOKEN.encode()).hexdigest()


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
