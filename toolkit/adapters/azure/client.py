"""Where credentials meet requests: DefaultAzureCredential, or an emulator's fixed token; pipelines made once each.

No write is ever repeated here: a repeated conditional write whose first reply was lost meets its own object and reports
a conflict. What reads is tried again on 429 and 5xx.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import toolkit
from toolkit.adapters.azure.errors import Refusal, status_of, torn, translated
from toolkit.domain.errors import ConfigError, NotFound, ProviderError, Throttled, Unavailable
from toolkit.ports import Settings

T = TypeVar("T")
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
READY_SECONDS = 900.0
EMULATED_TOKEN = "emulated-access-token"  # noqa: S105  # what the emulator takes, and nobody else
ARM = "management.azure.com"
AUDIENCES = {  # of a token, by the service's host or the end of it
    ARM: "https://management.azure.com",
    "vault.azure.net": "https://vault.azure.net",
    "eventgrid.azure.net": "https://eventgrid.azure.net",
    "ingest.monitor.azure.com": "https://monitor.azure.com",
    "api.loganalytics.io": "https://api.loganalytics.io",
    "blob.core.windows.net": "https://storage.azure.com",
    "scm.azurewebsites.net": "https://management.azure.com",
}
LOOPBACK = ("http://127.0.0.1:", "http://localhost:")
emulated: set[str] = set()  # addresses of emulators: they get the fixed token, never the user's
_making = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """Header names are lower-case; `body` is the decoded JSON, {} where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any


@cache
def credential() -> Any:
    """Unauthenticated (when used) where there is none."""
    from azure.identity import DefaultAzureCredential

    with _making:
        return DefaultAzureCredential(exclude_interactive_browser_credential=True)


class _Fixed:
    def get_token(self, *scopes: str, **_: Any) -> Any:
        from azure.core.credentials import AccessToken

        return AccessToken(EMULATED_TOKEN, int(time.time()) + 3600)


def token(endpoint: str, audience: str) -> str:
    """An access token for `audience`; the fixed one for an emulator. Unauthenticated."""
    with translated(f"get a token for {audience}"):
        holder = _Fixed() if endpoint in emulated else credential()
        found: str = holder.get_token(f"{audience}/.default").token
        return found


def transport(endpoint: str) -> Any:
    """What sends; no proxy stands before a server of this machine."""
    from azure.core.pipeline.transport import RequestsTransport

    return RequestsTransport(
        connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, use_env_settings=not endpoint
    )


def bearer(endpoint: str, audience: str) -> Any:
    """The policy that puts the token on a request. Azure's own wants TLS, which a server of this machine has not."""
    from azure.core.pipeline.policies import BearerTokenCredentialPolicy, SansIOHTTPPolicy

    if not endpoint.startswith(LOOPBACK):
        return BearerTokenCredentialPolicy(credential(), f"{audience}/.default")

    class Loopback(SansIOHTTPPolicy[Any, Any]):
        """azure-identity keeps tokens for their time itself."""

        def on_request(self, request: Any) -> None:
            request.http_request.headers["Authorization"] = f"Bearer {token(endpoint, audience)}"

    return Loopback()


@cache
def pipeline(endpoint: str, audience: str) -> Any:
    """What sends requests with the caller's token; may be used from several threads. Nothing in it retries."""
    from azure.core import PipelineClient
    from azure.core.pipeline.policies import HeadersPolicy, UserAgentPolicy

    agent = UserAgentPolicy(base_user_agent=f"driftloop/{toolkit.__version__}")
    policies = [HeadersPolicy(), agent, bearer(endpoint, audience)]
    return PipelineClient(endpoint or audience, policies=policies, transport=transport(endpoint))


class Api:
    """One REST API: `host` is its name at Azure ("my-vault.vault.azure.net"), and its folder on an emulator."""

    def __init__(self, host: str, version: str, endpoint: str = "") -> None:
        self.host, self.version = host, version
        self.base = f"{endpoint}/{host}" if endpoint else f"https://{host}"
        self._endpoint = endpoint
        self._audience = next(audience for end, audience in AUDIENCES.items() if host.endswith(end))

    def get(self, what: str, path: str, **query: Any) -> dict[str, Any]:
        """Tried again where that may help."""
        return again(lambda: self.call(what, "GET", path, query=query), passes)

    def call(
        self,
        what: str,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        *,
        quoted: bool = True,
    ) -> dict[str, Any]:
        """Once; the decoded answer. `path` as in `send`."""
        found: dict[str, Any] = self.send(what, method, path, body, query, quoted=quoted).body
        return found

    def send(
        self,
        what: str,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        quoted: bool = True,
    ) -> Answer:
        """Once. `path` begins with a slash, or is a whole URL of this API that it gave itself (ConfigError for one
        that leads elsewhere); `data` is sent as it is instead of a JSON `body`. `quoted`: see `errors.translated`."""
        from azure.core.rest import HttpRequest

        url = self._url(path, query or {})
        with translated(what, service=self.host, quote=quoted):
            request = HttpRequest(method, url, headers=dict(headers or {}), json=body, content=data)
            answer = pipeline(self._endpoint, self._audience).send_request(request)
            answer.read()
            return decoded(answer)

    def pages(self, what: str, path: str, key: str = "value", **query: Any) -> Iterator[dict[str, Any]]:
        page = self.get(what, path, **query)
        while True:
            yield from page.get(key, ())
            if not (following := page.get("nextLink", "")):
                return
            page = self.get(what, following)

    def _url(self, path: str, query: Mapping[str, Any]) -> str:
        given = {key: str(value) for key, value in query.items() if value not in ("", None)}
        if "://" in path:
            if not path.startswith(f"{self.base}/"):  # the token is nobody else's
                raise ConfigError(f"{self.host} leads elsewhere: {path.partition('?')[0]}")
            return path
        if self.version:
            given = {"api-version": self.version, **given}
        return f"{self.base}{quote(path, safe='/:@%$(),=')}{'?' if given else ''}{urlencode(given)}"


class Arm:
    """Azure Resource Manager for one target: every resource of it is in its resource group."""

    def __init__(self, settings: Settings) -> None:
        for name in ("subscription", "resource_group", "location"):
            if not settings[name]:
                raise ConfigError(f"no {name} is set on azure", hint=f'{name} = "..." in [targets.<t>.azure]')
        self.settings = settings
        self.location: str = settings["location"]
        self.group = f"/subscriptions/{settings['subscription']}/resourceGroups/{settings['resource_group']}"
        self._api = Api(ARM, "", settings["services_endpoint"])
        # An emulator on this machine answers at once and has no quota of questions.
        self.poll = 0.05 if settings["services_endpoint"] else 2.0

    def path(self, kind: str, name: str) -> str:
        """The id of a resource of the group: `kind` is like "Microsoft.Web/sites"."""
        return f"{self.group}/providers/{kind}/{name}"

    def get(self, what: str, path: str, version: str, **query: Any) -> dict[str, Any]:
        """Tried again where that may help. NotFound."""
        return self._api.get(what, path, **{"api-version": version, **query})

    def pages(self, what: str, path: str, version: str, **query: Any) -> Iterator[dict[str, Any]]:
        return self._api.pages(what, path, **{"api-version": version, **query})

    def call(
        self,
        what: str,
        method: str,
        path: str,
        version: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Once, and not waited for."""
        return self._api.send(what, method, path, body, {"api-version": version, **(query or {})}, headers=headers)

    def change(
        self,
        what: str,
        method: str,
        path: str,
        version: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Begin a change and wait until it is done; the resource that came of it. ProviderError says why it failed."""
        answer = self.call(what, method, path, version, body, headers=headers, query=query)
        deadline, url = time.monotonic() + READY_SECONDS, answer.headers.get("azure-asyncoperation", "")
        if url:
            while True:
                told = self._wait(what, url, deadline, answer)
                if _over(what, str(told.body.get("status", "")), told.body):
                    break
            if method in {"PUT", "PATCH"}:
                return self.get(what, path, version)
            found: dict[str, Any] = told.body.get("properties") or {}
            return found
        while answer.status == 202 and (url := answer.headers.get("location", url)):
            answer = self._wait(what, url, deadline, answer)
        body = answer.body
        while method in {"PUT", "PATCH"} and not _over(what, _state(body), body):
            self._pause(what, deadline, answer)
            body = self.get(what, path, version)
        done: dict[str, Any] = body
        return done

    def delete(self, what: str, path: str, version: str, **query: Any) -> bool:
        """Gone afterwards; whether it was there."""
        try:
            self.change(what, "DELETE", path, version, query=query)
        except NotFound:
            return False
        return True

    def _wait(self, what: str, url: str, deadline: float, before: Answer) -> Answer:
        self._pause(what, deadline, before)
        return again(lambda: self._api.send(what, "GET", url), passes)

    def _pause(self, what: str, deadline: float, before: Answer) -> None:
        if time.monotonic() > deadline:
            raise Unavailable(f"cannot {what}: not done after {READY_SECONDS:g} s", hint="run the same command again")
        asked = before.headers.get("retry-after", "")
        time.sleep(min(float(asked) if asked.isdecimal() and int(asked) else self.poll, 30.0))


def decoded(answer: Any) -> Answer:
    """A reply whose body is JSON or nothing. Raises Refusal, ServiceResponseError."""
    import json

    from azure.core.exceptions import ServiceResponseError

    headers = {name.lower(): value for name, value in answer.headers.items()}
    if answer.status_code in {200, 201, 202} and not {"content-length", "transfer-encoding"} & headers.keys():
        # Python's HTTP client takes what broke off in its headers for a whole reply without a body.
        raise ServiceResponseError("the reply broke off in its headers")
    content = answer.content
    try:
        body = json.loads(content) if content else {}
    except ValueError:
        body = None
    if answer.status_code >= 400 or body is None:
        text = content.decode("utf-8", "replace")
        raise Refusal.of(answer.status_code if answer.status_code >= 400 else 502, body, text)
    return Answer(answer.status_code, headers, body)


def again(call: Callable[[], T], on: Callable[[Exception], bool]) -> T:
    """`call()`, tried again while it fails with what `on` knows: at most six times, about two seconds in all."""
    import stamina

    return stamina.RetryingCaller(attempts=6, timeout=10, wait_initial=0.05, wait_max=0.8, wait_jitter=0.1).on(on)(call)


def passes(error: Exception) -> bool:
    """It may pass by itself."""
    return isinstance(error, Throttled | Unavailable) and (status_of(error) in {0, 408, 429} or status_of(error) >= 500)


def reread(error: Exception) -> bool:
    """Whether a read that failed with this is worth another try."""
    return torn(error) or passes(error)


def _state(body: Any) -> str:
    return str((body.get("properties") or {}).get("provisioningState", "")) if isinstance(body, dict) else ""


def _over(what: str, state: str, body: Any) -> bool:
    """Whether a change with this state is through. ProviderError where it failed."""
    if state in {"Failed", "Canceled"}:
        error = body.get("error") or (body.get("properties") or {}).get("error") or {}
        said = error.get("message") or f"it is {state} and Azure says no reason"
        raise ProviderError(f"cannot {what}: {said}", hint="toolkit logs")
    return state in {"", "Succeeded"}
