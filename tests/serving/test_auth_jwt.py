"""What the auth of an endpoint may say, and which JWT opens it: algorithms, leeway, audiences, claims, keys."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from tests.serving import callers
from tests.serving.callers import AUDIENCE, ISSUER, TOKEN, ask, by_jwt, claims, jwk, rsa_key, signed
from toolkit.domain.errors import ConfigError
from toolkit.serving import auth, jwks
from toolkit.serving.app import create_app
from toolkit.serving.auth import guarded
from toolkit.serving.model import Model
from toolkit.serving.settings import ALGORITHMS, Auth
from toolkit.serving.settings import auth as auth_of

KEYS = {"ES256": callers.ec_key, "EdDSA": callers.ed_key}


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


def test_a_digest_is_sha256() -> None:
    assert auth.digest(TOKEN) == hashlib.sha256(TOKEN.encode()).hexdigest()


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"])
def test_every_algorithm_of_the_list(binary: Model, algorithm: str) -> None:
    key = KEYS.get(algorithm, rsa_key)()
    app = guarded(create_app(binary), by_jwt(algorithms=ALGORITHMS, keys=(jwk(key, "k", algorithm),)))
    assert ask(app, "GET", "/", [f"Bearer {signed(key=key, kid='k', algorithm=algorithm)}"])[0] == 200
    other = "RS256" if algorithm != "RS256" else "PS256"
    told = guarded(create_app(binary), by_jwt(algorithms=ALGORITHMS, keys=(jwk(key, "k", algorithm, alg=other),)))
    assert ask(told, "GET", "/", [f"Bearer {signed(key=key, kid='k', algorithm=algorithm)}"])[0] == 401


def test_leeway_audiences_and_a_token_without_kid(binary: Model) -> None:
    app = guarded(
        create_app(binary), by_jwt(audience=("trains", AUDIENCE), keys=(jwk(rsa_key(1), "a"), jwk(rsa_key(), "b")))
    )
    now = claims()["iat"]  # after the keys were made: what has expired is within the leeway for 25 seconds from here
    for token in (
        signed(claims(exp=now - 5), kid=None),
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
