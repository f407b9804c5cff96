"""A JWT is right or it is refused: signature, algorithm, issuer, audience, times, and the claims that are asked for.

Only asymmetric algorithms are known here, so `none` and an HMAC keyed with a public key (the RS/HS confusion) are not
refused by a rule but cannot be written. The key decides how it is checked: a token whose `alg` does not fit its key's
type, curve or own `alg` is refused. What a token says about keys by itself (`jwk`, `jku`, `x5u`, `x5c`) is never looked
at. `exp`, `iss` and `aud` have to be there.

An issuer such as Google's signs for whatever audience a caller names, so an audience alone may not say *who*: `claims`
does (`{"email": ["caller@project.iam.gserviceaccount.com"]}`); a claim that is a list or words with spaces between
(`scope`) fits where one of them does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from toolkit.domain.errors import ConfigError, missing_extra
from toolkit.serving.auth import Check, forbidden, unauthenticated
from toolkit.serving.jwks import Keys
from toolkit.serving.settings import ALGORITHMS, Auth

SAID = {
    "ExpiredSignatureError": "the token has expired",
    "ImmatureSignatureError": "the token is not valid yet",
    "InvalidAudienceError": "the token is for another audience",
    "InvalidIssuerError": "the token is of another issuer",
    "MissingRequiredClaimError": "the token lacks one of exp, iss, aud",
    "InvalidAlgorithmError": "the token is signed in a way that is not taken here",
    "InvalidSignatureError": "the signature of the token is wrong",
}
REQUIRED = ["exp", "iss", "aud"]


def jwt_check(auth: Auth) -> Check:
    """ConfigError where issuer, audience, algorithms or keys are missing; MissingExtra without PyJWT."""
    try:
        import cryptography  # noqa: F401  # without it PyJWT would only know HMAC
        import jwt
    except ModuleNotFoundError as error:
        raise missing_extra(error.name or "jwt", "jwt") from error
    for name in ("issuer", "audience", "algorithms"):
        if not getattr(auth, name):
            raise ConfigError(f"auth by JWT needs {name}", hint="write it under [serve.jwt]")
    unknown = sorted(set(auth.algorithms) - set(ALGORITHMS))
    if unknown:
        raise ConfigError(f"algorithms {unknown} are not taken; there are {', '.join(ALGORITHMS)}")
    keys = Keys(auth)

    async def check(token: str) -> None:
        try:
            head = jwt.get_unverified_header(token)
            algorithm, kid = head.get("alg"), head.get("kid", "")
            if algorithm not in auth.algorithms:
                raise jwt.InvalidAlgorithmError(algorithm)
            candidates = keys.at_hand(kid, algorithm)
            if candidates is None:
                candidates = await asyncio.to_thread(keys.fetched, kid, algorithm)
            if not candidates:
                raise unauthenticated("the token is signed with a key that is not known here")
            _require(_claims(token, candidates, auth), auth.claims)
        except jwt.PyJWTError as error:
            said = SAID.get(type(error).__name__, "the token is not a JWT that can be read")
            raise unauthenticated(said) from error
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            raise unauthenticated("the token is not a JWT that can be read") from error

    return check


def _claims(token: str, candidates: list[Any], auth: Auth) -> dict[str, Any]:
    """The verified claims, by the first key whose signature it is (a token without `kid` may be of any)."""
    import jwt

    for last, key in enumerate(candidates, 1 - len(candidates)):
        try:
            found: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(auth.algorithms),
                audience=list(auth.audience),
                issuer=auth.issuer,
                leeway=auth.leeway,
                options={"require": REQUIRED, "verify_aud": True, "verify_iss": True},
            )
            return found
        except jwt.InvalidSignatureError:
            if not last:
                raise
    raise AssertionError("there is at least one key")


def _require(claims: Mapping[str, Any], wanted: Mapping[str, tuple[str, ...]]) -> None:
    for name, allowed in wanted.items():
        given = claims.get(name)
        values = given if isinstance(given, list) else [given, *(given.split() if isinstance(given, str) else ())]
        if not any(isinstance(value, str) and value in allowed for value in values):
            raise forbidden(f"the token's {name} is not among those that may call this endpoint")
