"""Issuers of tokens, right and wrong, the ways to guard an endpoint, and every way to come without the right to ask."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from toolkit.serving import auth
from toolkit.serving.settings import Auth

ISSUER, AUDIENCE = "https://issuer.test/", "flights"
TOKEN = "0Zt4kQmXv8sJr2yLhB6wNc1PfGdUeAiO3xT5"
JWT = Auth(mode="jwt", issuer=ISSUER, audience=(AUDIENCE,), algorithms=("RS256",))
BY_TOKEN = Auth(mode="token", tokens=(auth.digest(TOKEN),))


@cache
def rsa_key(number: int = 0, bits: int = 2048) -> Any:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ec_key() -> Any:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed_key() -> Any:
    return ed25519.Ed25519PrivateKey.generate()


_ALGORITHMS: dict[str, Any] = {
    "RS": jwt.algorithms.RSAAlgorithm,
    "PS": jwt.algorithms.RSAAlgorithm,
    "ES": jwt.algorithms.ECAlgorithm,
    "Ed": jwt.algorithms.OKPAlgorithm,
}


def jwk(key: Any, kid: str, algorithm: str = "RS256", **more: str) -> dict[str, Any]:
    """The public half as a JWK."""
    made = _ALGORITHMS[algorithm[:2]].to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig", **more}


def claims(**changes: Any) -> dict[str, Any]:
    """What a right token says; a claim of None is left out."""
    now = int(time.time())
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "me", "iat": now, "nbf": now, "exp": now + 300, **changes}
    return {name: value for name, value in made.items() if value is not None}


def signed(
    payload: dict[str, Any] | None = None,
    key: Any = None,
    kid: str | None = "one",
    algorithm: str = "RS256",
    **head: Any,
) -> str:
    headers = {**({"kid": kid} if kid is not None else {}), **head}
    return jwt.encode(claims() if payload is None else payload, key or rsa_key(), algorithm=algorithm, headers=headers)


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


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_hand(head: dict[str, Any], payload: dict[str, Any] | None = None, secret: bytes | None = None) -> str:
    """A token as no library would write it: unsigned, or with an HMAC keyed by anything."""
    text = f"{part(head)}.{part(payload or claims())}"
    return f"{text}.{part(hmac.digest(secret, text.encode(), hashlib.sha256)) if secret is not None else ''}"


def pem(key: Any) -> bytes:
    made: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return made


def wrong_headers() -> dict[str, list[str]]:
    """Name -> Authorization headers that no endpoint takes, whatever its auth."""
    return {
        "none": [],
        "empty": [""],
        "scheme alone": ["Bearer"],
        "scheme and spaces": ["Bearer    "],
        "basic": ["Basic " + base64.b64encode(f"user:{TOKEN}".encode()).decode()],
        "no scheme": [TOKEN],
        "other scheme": [f"Token {TOKEN}"],
        "signed request of AWS": ["AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=d"],
        "two in one": [f"Bearer {TOKEN}, Bearer {TOKEN}"],
        "two headers": [f"Bearer {TOKEN}", f"Bearer {TOKEN}"],
        "wrong token": ["Bearer " + "x" * 43],
        "token cut off": [f"Bearer {TOKEN[:-1]}"],
        "token and more": [f"Bearer {TOKEN}x"],
        "token in upper case": [f"Bearer {TOKEN.upper()}"],
        "digest of the token": ["Bearer " + hashlib.sha256(TOKEN.encode()).hexdigest()],
        "null byte": [f"Bearer {TOKEN}\x00"],
        "not ASCII": [f"Bearer {TOKEN}\xff"],
        "9 kB": ["Bearer " + "x" * 9_000],
        "dots": ["Bearer ..", "Bearer a.b.c"][:1],
        "a.b.c": ["Bearer a.b.c"],
    }


def wrong_tokens() -> dict[str, str]:
    """Name -> JWT that is refused by an endpoint that knows the key "one" and takes RS256."""
    now, other = int(time.time()), rsa_key(1)
    right = signed()
    head, body, signature = right.split(".")
    return {
        "expired": signed(claims(exp=now - 120, nbf=now - 500, iat=now - 500)),
        "not yet": signed(claims(nbf=now + 3600)),
        "issued in the future": signed(claims(iat=now + 3600)),
        "without exp": signed(claims(exp=None)),
        "exp that is text": signed(claims(exp="soon")),
        "without aud": signed(claims(aud=None)),
        "wrong audience": signed(claims(aud="hotels")),
        "audience in a longer word": signed(claims(aud="flights-admin")),
        "audiences of others": signed(claims(aud=["hotels", "trains"])),
        "without iss": signed(claims(iss=None)),
        "wrong issuer": signed(claims(iss="https://evil.test/")),
        "issuer without its slash": signed(claims(iss=ISSUER.rstrip("/"))),
        "other key, same kid": signed(key=other),
        "other key, unknown kid": signed(key=other, kid="two"),
        "right key, unknown kid": signed(kid="two"),
        "other key, no kid": signed(key=other, kid=None),
        "kid that is a path": signed(key=other, kid="../../dev/null"),
        "own key in the header": signed(key=other, kid=None, jwk=jwk(other, "one")),
        "own key's address in the header": signed(key=other, kid=None, jku="https://evil.test/jwks"),
        "own certificate in the header": signed(key=other, kid=None, x5c=["MIIB"]),
        "alg none": by_hand({"alg": "none", "typ": "JWT"}),
        "alg None": by_hand({"alg": "None"}),
        "alg none with the kid": by_hand({"alg": "none", "kid": "one"}),
        "alg none with a signature": by_hand({"alg": "none", "kid": "one"}) + signature,
        "alg left out": by_hand({"typ": "JWT", "kid": "one"}),
        "alg that is a list": by_hand({"alg": ["RS256"], "kid": "one"}),
        "HMAC with the public key": by_hand({"alg": "HS256", "kid": "one"}, secret=pem(rsa_key())),
        "HMAC with the JWK": by_hand({"alg": "HS256", "kid": "one"}, secret=json.dumps(jwk(rsa_key(), "one")).encode()),
        "HMAC with nothing": by_hand({"alg": "HS256", "kid": "one"}, secret=b""),
        "an algorithm that is not on the list": signed(algorithm="RS512"),
        "PSS where PKCS1 is on the list": signed(algorithm="PS256"),
        "an EC signature": signed(key=ec_key(), algorithm="ES256"),
        "signature cut off": f"{head}.{body}.{signature[:-4]}",
        "signature left out": f"{head}.{body}.",
        "other body, same signature": f"{head}.{part(claims(sub='root'))}.{signature}",
        "two parts": f"{head}.{body}",
        "four parts": f"{right}.{signature}",
        "five parts (encrypted)": f"{head}.{body}.{signature}.a.b",
        "critical header": signed(crit=["exp2"], exp2=1),
        "body detached": signed(crit=["b64"], b64=False),
        "body that is a list": by_hand({"alg": "RS256", "kid": "one"}),
        "head that is no JSON": f"{part(b'x')}.{body}.{signature}",
        "head nested deep": f"{part(b'[' * 5_000)}.{body}.{signature}",
        "padding": f"{head}=.{body}.{signature}=",
    }
