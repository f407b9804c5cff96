"""The keys of an issuer: written into the configuration, or fetched from its JWKS document and kept for a while.

Bounded in every direction: https only (plain http to this machine), no redirects, five seconds, 1 MiB, 100 keys. A key
that is not known is looked for at most once in `COOLDOWN` seconds, so that made-up key ids cost the issuer nothing.
Keys are fetched anew after `FRESH` seconds; while the issuer does not answer, those at hand go on for `STALE`, and then
nobody is let in (503) rather than anybody whose key may have been withdrawn.

Taken: RSA of at least 2048 bits, the P curves, Ed25519, each only for the algorithms of its kind. A key for encryption
(`use: enc`), a secret one (`oct`) or one with its private half is none.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from toolkit.domain.errors import ConfigError
from toolkit.serving.problems import Problem
from toolkit.serving.settings import Auth

FRESH, STALE, COOLDOWN = 600.0, 6 * 3600.0, 30.0
TIMEOUT, MAX_BYTES, MAX_KEYS, MIN_RSA_BITS = 5.0, 1024**2, 100, 2048
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

Fetch = Callable[[str], bytes]


class Keys:
    """`at_hand` never waits; `fetched` may, for `TIMEOUT`, and is called from a thread."""

    def __init__(self, auth: Auth, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        if bool(auth.keys) == bool(auth.jwks_url):
            raise ConfigError("auth by JWT needs either keys or jwks_url", hint="write one under [serve.jwt]")
        if auth.jwks_url:
            check_url(auth.jwks_url)
        self._url, self._fetch, self._clock = auth.jwks_url, fetch or download, clock
        self._keys: list[dict[str, Any]] = readable(auth.keys)
        if auth.keys and not self._keys:
            raise ConfigError("none of the keys can verify a token", hint="they are public RSA, EC or Ed25519 JWKs")
        self._fetched_at = self._tried_at = -1e18
        self._lock = threading.Lock()

    def at_hand(self, kid: Any, algorithm: str) -> list[Any] | None:
        """PyJWK of every key that could have signed; None where the issuer has to be asked first."""
        found = chosen(self._keys, kid, algorithm)
        if not self._url or (found and self._age() < FRESH):
            return found
        return found if self._age() < FRESH and self._cooling() else None

    def fetched(self, kid: Any, algorithm: str) -> list[Any]:
        """As `at_hand`, after asking the issuer. Problem 503 where it does not answer and what is known is too old."""
        with self._lock:
            if not self._cooling():  # else somebody else has just asked
                self._tried_at = self._clock()
                self._refresh()
        if self._age() > STALE:
            raise Problem(503, "no-keys", "the keys of the issuer cannot be had", headers=((b"retry-after", b"30"),))
        return chosen(self._keys, kid, algorithm)

    def _refresh(self) -> None:
        try:
            document = msgspec.json.decode(self._fetch(self._url))
            keys = readable(document["keys"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError, msgspec.MsgspecError):
            return  # what is at hand goes on until STALE
        if keys:
            self._keys, self._fetched_at = keys, self._clock()

    def _age(self) -> float:
        return self._clock() - self._fetched_at

    def _cooling(self) -> bool:
        return self._clock() - self._tried_at < COOLDOWN


def readable(keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The keys that may verify a signature; what else a document holds is passed over."""
    if not isinstance(keys, (list, tuple)):
        raise TypeError("keys is not a list")
    return [dict(key) for key in keys[:MAX_KEYS] if isinstance(key, Mapping) and _verifies(key)]


def chosen(keys: Sequence[Mapping[str, Any]], kid: Any, algorithm: str) -> list[Any]:
    """PyJWK of the keys named `kid` (of all where there is no name) that fit the algorithm."""
    import jwt

    named = [key for key in keys if not kid or key.get("kid") == kid]
    found = []
    for key in named:
        if _fits(key, algorithm):
            try:
                made = jwt.PyJWK(dict(key), algorithm=algorithm)
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            if key["kty"] != "RSA" or made.key.key_size >= MIN_RSA_BITS:
                found.append(made)
    return found


def check_url(url: str) -> None:
    """ConfigError unless it is https, or http to this machine."""
    parts = urlsplit(url)
    here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or parts.username or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise ConfigError(f"jwks_url {url!r} is not an https address", hint="https://ISSUER/.well-known/jwks.json")


def download(url: str) -> bytes:
    """OSError (of which urllib's are) or ValueError where there is no such document within the bounds."""
    import urllib.request

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *arguments: Any) -> None:
            return None

    request = urllib.request.Request(url, headers={"accept": "application/json"})  # noqa: S310  # check_url did
    with urllib.request.build_opener(NoRedirects).open(request, timeout=TIMEOUT) as answer:
        data: bytes = answer.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"the document at {url} is larger than {MAX_BYTES} bytes")
    return data


def _verifies(key: Mapping[str, Any]) -> bool:
    operations = key.get("key_ops")
    usable = key.get("use", "sig") == "sig" and (not isinstance(operations, list) or "verify" in operations)
    return usable and key.get("kty") in ("RSA", "EC", "OKP") and "d" not in key


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    if key.get("alg", algorithm) != algorithm:
        return False
    if algorithm in _CURVES:
        return key["kty"] == "EC" and key.get("crv") == _CURVES[algorithm]
    if algorithm == "EdDSA":
        return key["kty"] == "OKP" and key.get("crv") == "Ed25519"
    return bool(key["kty"] == "RSA")
