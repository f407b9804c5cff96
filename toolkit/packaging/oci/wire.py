"""One request to a registry: who asks, where to, and what its refusals mean in our errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import toolkit
from toolkit.domain.errors import (
    ConfigError,
    NotFound,
    PermissionDenied,
    ProviderError,
    StorageFull,
    Throttled,
    Unavailable,
    Unsupported,
)
from toolkit.packaging.oci.auth import Authority
from toolkit.ports.registry import Logins

T = TypeVar("T")
CONNECT_SECONDS, READ_SECONDS, RETRY_SECONDS = 10.0, 120.0, 120.0
ATTEMPTS = 6
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class TooLarge(ProviderError):
    """A proxy before the registry takes no body of that size: it has to come in parts."""


class Wire:
    """The connections to one registry, for several threads. HTTPS, but on loopback and where `plain_http` says so."""

    def __init__(self, host: str, logins: Logins, *, plain_http: bool) -> None:
        import httpx2

        self.host = host
        scheme = "http" if plain_http or urlsplit(f"//{host}").hostname in LOOPBACK else "https"
        self._base = f"{scheme}://{host}/v2/"
        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        agent = {"User-Agent": f"driftloop/{toolkit.__version__}"}
        self._http = httpx2.Client(timeout=timeout, headers=agent, trust_env=scheme == "https")
        self._authority = Authority(host, lambda: logins(host), self._http)

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def ask(
        self,
        method: str,
        where: str,
        scope: str,
        *,
        headers: dict[str, str] | None = None,
        params: dict[str, str] | None = None,
        body: Callable[[], Any] = lambda: None,
        length: int | None = None,
    ) -> Iterator[Any]:
        """One request, again with a token where it is asked for. `scope`: a repository to read, or what it is for."""
        import httpx2

        url = where if "://" in where else f"{self._base}{where}"
        ours = _origin(url) == _origin(self._base)  # an upload may go to another host, which is not told who we are
        scope = scope if ":" in scope else scope_of(scope, write=False)
        given = {**(headers or {}), **({"Content-Length": str(length)} if length is not None else {})}
        try:
            for attempt in range(3):
                who = self._authority.header(scope) if ours else {}
                request = self._http.build_request(method, url, headers={**given, **who}, params=params, content=body())
                response = self._http.send(request, stream=True, follow_redirects=method in {"GET", "HEAD"})
                try:
                    if response.status_code == 401 and ours and attempt < 2:
                        response.read()
                        asked = response.headers.get_list("www-authenticate")
                        if self._authority.answer(asked, scope, who.get("Authorization", "")):
                            continue
                    yield response
                    return
                finally:
                    response.close()
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise ConfigError(f"{url!r} is no address of a registry: {error}") from error
        except httpx2.HTTPError as error:
            why = str(error) or type(error).__name__
            raise Unavailable(
                f"{self.host} does not answer ({method}): {why}", hint="check the host and the network, then try again"
            ) from error

    def expect(self, got: Any, statuses: set[int], what: str) -> None:
        """Nothing, or the error that the status stands for. `what` was being done: "push to host/name"."""
        status = got.status_code
        if status in statuses:
            return
        if got.request.method != "HEAD":
            got.read()
        said = _said(got) if got.request.method != "HEAD" else ""
        words = f"cannot {what}: status {status}{f': {said}' if said else ''}"
        if status == 401:
            raise self._authority.nobody()
        if status == 403:
            raise PermissionDenied(words, hint=f"you need the right to push to and pull from {self.host}")
        if status == 404:
            hint = "create the repository first, or check its name" if what.startswith("push") else "check the name"
            raise NotFound(words, hint=hint)
        if status == 413:
            raise TooLarge(words)
        if status == 429:
            raise Throttled(words, hint="run the same command again in a minute")
        if status == 507:
            raise StorageFull(words)
        if status in {408, 416} or status >= 500:
            raise Unavailable(words, hint="run the same command again")
        raise Unsupported(words)

    def location(self, got: Any) -> str:
        """Where an upload goes on: the registry chooses, another host perhaps."""
        where = str(got.headers.get("location", ""))
        if not where:
            raise Unavailable(f"{self.host} began an upload without saying where")
        return urljoin(str(got.request.url), where)


def again(call: Callable[[], T]) -> T:
    """`call()`, again while that can help, waiting longer each time."""
    import stamina

    def helps(error: Exception) -> bool:
        return isinstance(error, Unavailable | Throttled) and error.retryable

    retry = stamina.RetryingCaller(
        attempts=ATTEMPTS, timeout=RETRY_SECONDS, wait_initial=0.1, wait_max=5.0, wait_jitter=0.2
    )
    return retry.on(helps)(call)


def scope_of(repository: str, *, write: bool) -> str:
    return f"repository:{repository}:{'pull,push' if write else 'pull'}"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _said(got: Any) -> str:
    """The registry's own words: {"errors": [{"code", "message", "detail"}]}."""
    try:
        errors = got.json()["errors"]
        return "; ".join(f"{e.get('code', '')} {e.get('message', '')}".strip() for e in errors[:3])[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
