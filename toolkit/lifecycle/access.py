"""Who may call an endpoint: from `[serve] auth` to what its function is told, what its provider is asked, and warnings.

`default` leaves it to the provider (IAM, OIDC, the local host's token). `token` and `jwt` are checked by the endpoint
itself, so that it is the same everywhere, a plain container included; the provider then lets everybody through to it.
A token is never in a function's configuration: its secret is read here, and the SHA-256 is what is deployed.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from importlib import metadata
from typing import Any, Literal

from toolkit.domain import times
from toolkit.domain.config import JwtConfig
from toolkit.domain.digest import of_bytes
from toolkit.domain.errors import ConfigError, NotFound, missing_extra
from toolkit.ports.context import Context

PACKAGES = ("pyjwt", "cryptography")
MIN_LENGTH, MIN_DIFFERENT = 32, 10  # a digest lies in the function's configuration: what it is of must not be guessed


def auth(ctx: Context) -> dict[str, Any]:
    """What the inference function is told (`serving.settings.Auth`). NotFound or ConfigError names secret or file."""
    serve = ctx.project.serve
    if serve.auth == "token":
        return {"mode": "token", "tokens": [of_bytes(token.encode()) for token in _tokens(ctx, serve.token_secrets)]}
    if serve.auth == "jwt":
        return _jwt(ctx, serve.jwt)
    return {"mode": "public" if serve.auth == "public" else "platform"}


def _tokens(ctx: Context, names: list[str]) -> list[str]:
    """The first has to be there; the others are for changing over from one token to the next, and may be."""
    known = set(ctx.secrets.list()) if len(names) > 1 else set()
    return [read(ctx, names[0]), *(read(ctx, name) for name in names[1:] if name in known)]


def at_the_provider(ctx: Context) -> Literal["iam", "token", "public"]:
    """What the provider itself checks before a call comes to the inference function."""
    return ctx.provider("functions").function_auth if ctx.project.serve.auth == "default" else "public"


def warnings(ctx: Context) -> list[str]:
    return ["auth is public: anybody who knows the URL can call it"] if ctx.project.serve.auth == "public" else []


def requirements(ctx: Context) -> tuple[str, ...]:
    """What the bundle needs for it, in the versions of this environment. MissingExtra."""
    return tuple(f"{name}=={_version(name)}" for name in PACKAGES) if ctx.project.serve.auth == "jwt" else ()


def read(ctx: Context, name: str) -> str:
    """The token that the secret `name` holds. NotFound, or ConfigError where it could be guessed."""
    try:
        token = ctx.secrets.get(name).strip()
    except NotFound as error:
        raise NotFound(
            f"auth by token needs the secret {name!r} on target {ctx.target}", hint="toolkit token --new"
        ) from error
    if len(token) < MIN_LENGTH or len(set(token)) < MIN_DIFFERENT or not token.isascii() or " " in token:
        raise ConfigError(
            f"the secret {name!r} is no token: at least {MIN_LENGTH} random characters, no spaces",
            hint="toolkit token --new",
        )
    return token


def headers(ctx: Context) -> dict[str, str]:
    """What a call of ours to the endpoint brings along; the provider's own credentials are the adapter's business."""
    if ctx.project.serve.auth != "token":
        return {}
    return {"authorization": f"Bearer {read(ctx, ctx.project.serve.token_secrets[0])}"}


def renew(ctx: Context) -> str:
    """A new token under the first of `serve.token_secrets`; what was there moves to the second, where one is named, so
    that callers can change over. Takes effect with the next deployment."""
    first, *others = ctx.project.serve.token_secrets
    if others:
        with contextlib.suppress(NotFound):
            ctx.secrets.put(others[0], ctx.secrets.get(first))
    token = secrets.token_urlsafe(32)
    ctx.secrets.put(first, token)
    return token


def _jwt(ctx: Context, jwt: JwtConfig) -> dict[str, Any]:
    def listed(value: str | list[str]) -> list[str]:
        return [value] if isinstance(value, str) else value

    keys = {"jwks_url": jwt.jwks_url} if jwt.jwks_url else {"keys": _keys(ctx, jwt.jwks_file)}
    return {
        "mode": "jwt",
        "issuer": jwt.issuer,
        "audience": listed(jwt.audience),
        "algorithms": list(jwt.algorithms),
        "leeway": times.seconds(jwt.leeway),
        "claims": {name: listed(value) for name, value in jwt.claims.items()},
        **keys,
    }


def _keys(ctx: Context, file: str) -> list[dict[str, Any]]:
    path = ctx.directory / file
    try:
        keys = json.loads(path.read_bytes())["keys"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not a JWKS document: {error}", hint='{"keys": [{"kty": "RSA", ...}]}') from error
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise ConfigError(f"{path} is not a JWKS document", hint='{"keys": [{"kty": "RSA", ...}]}')
    if any("d" in key or key.get("kty") == "oct" for key in keys):
        raise ConfigError(f"{path} holds a private or secret key", hint="deploy the public half alone")
    return keys


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise missing_extra(name, "jwt") from error
