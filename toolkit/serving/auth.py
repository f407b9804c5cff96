"""Who may ask. The guard stands outside the application, whichever model a hot swap puts inside, and refuses by itself.

    platform   the provider lets only its own callers through (IAM, OIDC, the local host's token): nothing to do here
    token      `Authorization: Bearer TOKEN`, compared in constant time by SHA-256; the configuration has its digest
    jwt        a signed token of one issuer for one audience (`jwts`, keys in `jwks`)
    public     nobody is asked; has to be written, and `toolkit deploy` warns
    closed     everybody is refused: what a process does that was not told, except on Lambda (`entry.inference`)

A caller without the right to ask learns the same from every path and method, known or not: 401, `WWW-Authenticate`,
and no word about what is served. There is no CORS, so a preflight is refused like anything else. Two `Authorization`
headers are refused: a proxy may have looked at the other one. A token in the query does not count: queries are logged.

`OPEN` is the one list of exceptions: what a platform's contract calls without being able to bring a token. They answer
a constant, to GET and HEAD alone.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Coroutine, Iterable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from toolkit.domain.errors import ConfigError
from toolkit.serving import ids, problems
from toolkit.serving.body import Body, Disconnected, Receive, Send
from toolkit.serving.problems import Problem
from toolkit.serving.routing import SAFE, request_id_of
from toolkit.serving.settings import Auth, Limits

if TYPE_CHECKING:
    from toolkit.serving.measures import Measures

Scope = MutableMapping[str, Any]
Check = Callable[[str], Coroutine[Any, Any, None]]
"""Given the credentials after "Bearer "; raises Problem (401, 403, 503) unless they are right."""

OPEN: dict[str, str] = {
    "/healthz": "Kubernetes, Cloud Run and load balancers probe it and send no credentials",
    "/ping": "SageMaker's contract: GET /ping from inside the platform",
    "/v2/health/live": "KServe's liveness probe (Open Inference Protocol)",
    "/v2/health/ready": "KServe's readiness probe (Open Inference Protocol)",
}
VERTEX = "Vertex AI's contract: AIP_HEALTH_ROUTE is probed from inside the platform"
REALM = b'Bearer realm="toolkit"'
MAX_CREDENTIALS = 8_192
REFUSED = "refused"  # the route's name in the metrics
_DRAINED = 1024**2
_PATIENCE = Limits(body_seconds=5.0)


class Guard:
    """ASGI: passes on what may pass, answers 401 or 403 to the rest. `app` is what it guards."""

    def __init__(self, app: Any, check: Check, *, also_open: Iterable[str] = (), waits: bool = True) -> None:
        """`waits`: whether `check` may wait for something (keys from elsewhere)."""
        self.app = app
        self._waits = waits
        self._check = check
        self._open = frozenset(OPEN) | {path for path in also_open if path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_open(scope):
            started = time.perf_counter()
            try:
                await self._check(credentials(scope["headers"]))
            except Problem as problem:
                await self._refuse(problem, scope, receive, send)
                measures: Measures = self.app.measures
                measures.problems[problem.kind] += 1
                measures.observe(REFUSED, problem.status, time.perf_counter() - started)
                return
        await self.app(scope, receive, send)

    def instantly(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, date: bytes) -> bytes | None:
        """As the application's own (`instant`), for whom the check lets through without a wait; None for all others,
        who are then asked and refused as usual."""
        if self._waits:
            return None
        try:
            self._check(credentials(headers)).send(None)
        except StopIteration:  # checked: a coroutine that has ended
            found: bytes | None = self.app.instantly(headers, body, date)
            return found
        except Problem:
            pass
        return None

    def _is_open(self, scope: Scope) -> bool:
        return scope["path"] in self._open and scope["method"] in ("GET", "HEAD")

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        request_id = request_id_of(headers, ids.prefix(time.time_ns() // 1_000_000))
        content = problem.encode(request_id)
        if scope["path"].startswith(("/v1/", "/v2/")):  # whose clients look for a sentence there
            content = msgspec.json.encode({**msgspec.json.decode(content), "error": problem.detail})
        sent = [
            (b"content-type", problems.TYPE),
            (b"content-length", b"%d" % len(content)),
            (b"x-request-id", request_id.encode()),
            *SAFE,
            *problem.headers,
        ]
        try:
            await Body(receive, _PATIENCE).drain(_DRAINED)
        except Disconnected:
            return
        await send({"type": "http.response.start", "status": problem.status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})


def guarded(app: Any, auth: Auth, *, also_open: Iterable[str] = ()) -> Guard:
    """`app` behind what `auth` asks for. ConfigError, MissingExtra: it cannot be guarded so."""
    return Guard(app, _check(auth), also_open=also_open, waits=auth.mode != "token")


def _check(auth: Auth) -> Check:
    if auth.mode == "token":
        return token_check(auth.tokens)
    if auth.mode == "jwt":
        from toolkit.serving.jwts import jwt_check

        return jwt_check(auth)
    return _closed


def credentials(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """What stands after "Bearer ". Problem 401 where nothing of the kind does."""
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        raise unauthenticated("this endpoint asks for a token: send Authorization: Bearer TOKEN", error=b"")
    scheme, _, token = given[0].strip().partition(b" ")
    token = token.strip()
    if len(given) > 1 or scheme.lower() != b"bearer" or not 0 < len(token) <= MAX_CREDENTIALS or not token.isascii():
        raise unauthenticated("the Authorization header is not one Bearer TOKEN", error=b"invalid_request")
    return token.decode("ascii")


def token_check(digests: Iterable[str]) -> Check:
    """Tokens by the hex SHA-256 of each. ConfigError without any, or for what is no digest."""
    known = tuple(digests)
    if not known or any(len(d) != 64 or not set(d) <= set("0123456789abcdef") for d in known):
        raise ConfigError("auth by token needs the SHA-256 of at least one token", hint="toolkit deploy")

    async def check(token: str) -> None:
        given = digest(token)
        if not sum(hmac.compare_digest(given, expected) for expected in known):  # a sum has no early end
            raise unauthenticated("the token is not the one of this endpoint")

    return check


async def _closed(token: str) -> None:
    raise unauthenticated("this endpoint was started without saying who may call it, so nobody may")


def digest(token: str) -> str:
    """What is kept of a token. One SHA-256 is enough because tokens are long and random (`toolkit token --new`)."""
    return hashlib.sha256(token.encode()).hexdigest()


def unauthenticated(detail: str, *, error: bytes = b"invalid_token") -> Problem:
    """401. `detail` never quotes what came. `error` is RFC 6750's word, empty where no credentials came at all."""
    challenge = REALM + (b', error="%b"' % error if error else b"")
    return Problem(401, "unauthenticated", detail, headers=((b"www-authenticate", challenge),))


def forbidden(detail: str) -> Problem:
    """403: known, and not allowed."""
    challenge = REALM + b', error="insufficient_scope"'
    return Problem(403, "forbidden", detail, headers=((b"www-authenticate", challenge),))
