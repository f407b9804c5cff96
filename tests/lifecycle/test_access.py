"""Who may call an endpoint, from the project's words to the function's configuration and the provider's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.lifecycle.shop import Shop, make_shop
from tests.serving import callers
from toolkit.domain import digest
from toolkit.domain.config import ServeConfig
from toolkit.domain.errors import ConfigError, NotFound
from toolkit.lifecycle import access
from toolkit.serving.settings import read

JWT = {"issuer": callers.ISSUER, "audience": "flights"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path)


def serve(shop: Shop, **values: Any) -> Shop:
    return shop.configure(serve=ServeConfig(**values))


def test_by_default_the_provider_asks(shop: Shop) -> None:
    assert access.auth(shop.ctx) == {"mode": "platform"}
    assert access.at_the_provider(shop.ctx) == shop.ctx.provider("functions").function_auth
    assert (access.warnings(shop.ctx), access.requirements(shop.ctx), access.headers(shop.ctx)) == ([], (), {})


def test_public_is_said_and_warned_about(shop: Shop) -> None:
    serve(shop, auth="public")
    assert access.auth(shop.ctx) == {"mode": "public"}
    assert access.at_the_provider(shop.ctx) == "public"
    assert access.warnings(shop.ctx) == ["auth is public: anybody who knows the URL can call it"]


def test_a_token_is_deployed_as_its_digest(shop: Shop) -> None:
    serve(shop, auth="token")
    with pytest.raises(NotFound, match="'endpoint-token'") as caught:
        access.auth(shop.ctx)
    assert caught.value.hint == "toolkit token --new"
    token = access.renew(shop.ctx)
    told = access.auth(shop.ctx)
    assert told == {"mode": "token", "tokens": [digest.of_bytes(token.encode())]}
    assert token not in json.dumps(told)
    assert access.headers(shop.ctx) == {"authorization": f"Bearer {token}"}
    assert access.at_the_provider(shop.ctx) == "public"  # the endpoint itself asks
    assert access.warnings(shop.ctx) == []


def test_callers_can_change_over_from_one_token_to_the_next(shop: Shop) -> None:
    serve(shop, auth="token", token_secrets=["current", "previous"])
    first = access.renew(shop.ctx)
    assert len(access.auth(shop.ctx)["tokens"]) == 1
    second = access.renew(shop.ctx)
    assert access.auth(shop.ctx)["tokens"] == [digest.of_bytes(t.encode()) for t in (second, first)]


@pytest.mark.parametrize("weak", ["hunter2", "a" * 64, "correct horse battery staple is not one", "ü" * 40])
def test_a_token_that_can_be_guessed_is_refused_and_not_shown(shop: Shop, weak: str) -> None:
    serve(shop, auth="token")
    shop.ctx.secrets.put("endpoint-token", weak)
    with pytest.raises(ConfigError, match="is no token") as caught:
        access.auth(shop.ctx)
    assert weak not in str(caught.value)


def test_jwt_by_address_and_by_file(shop: Shop) -> None:
    by_url = {**JWT, "jwks_url": "https://issuer.test/jwks", "claims": {"email": "a@x.test"}}
    serve(shop, auth="jwt", jwt=by_url)
    told = read({"auth": access.auth(shop.ctx)}).auth
    assert (told.mode, told.audience, told.jwks_url, told.leeway) == ("jwt", ("flights",), by_url["jwks_url"], 30.0)
    assert told.claims == {"email": ("a@x.test",)}
    key = callers.jwk(callers.rsa_key(), "one")
    (shop.folder / "keys.json").write_text(json.dumps({"keys": [key]}))
    serve(shop, auth="jwt", jwt={**JWT, "audience": ["a", "b"], "jwks_file": "keys.json"})
    told = read({"auth": access.auth(shop.ctx)}).auth
    assert (told.keys, told.audience) == ((key,), ("a", "b"))
    assert [r.partition("==")[0] for r in access.requirements(shop.ctx)] == ["pyjwt", "cryptography"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not a JWKS document"),
        ("[]", "is not a JWKS document"),
        ('{"keys": 5}', "is not a JWKS document"),
        ('{"keys": [5]}', "is not a JWKS document"),
        ('{"keys": [{"kty": "RSA", "n": "a", "e": "b", "d": "c"}]}', "private or secret"),
        ('{"keys": [{"kty": "oct", "k": "a"}]}', "private or secret"),
    ],
)
def test_a_file_of_keys_that_is_none(shop: Shop, text: str, said: str) -> None:
    (shop.folder / "keys.json").write_text(text)
    serve(shop, auth="jwt", jwt={**JWT, "jwks_file": "keys.json"})
    with pytest.raises(ConfigError, match=said):
        access.auth(shop.ctx)


@pytest.mark.parametrize(
    "jwt",
    [
        {}, JWT, {"issuer": "a", "jwks_url": "https://a"}, {**JWT, "jwks_url": "https://a", "jwks_file": "b"},
        {**JWT, "jwks_url": "https://a", "algorithms": ["HS256"]},
        {**JWT, "jwks_url": "https://a", "algorithms": ["none"]},
    ],
)  # fmt: skip
def test_jwt_that_is_not_whole(jwt: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServeConfig(auth="jwt", jwt=jwt)
