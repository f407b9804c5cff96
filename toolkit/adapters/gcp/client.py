"""Where credentials meet requests: application default ones, or an emulator's fixed ones; sessions made once each.

No write is ever repeated here: a repeated conditional write whose first reply was lost meets its own object and reports
a conflict. What reads is tried again on 429 and 5xx.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

import toolkit
from toolkit.adapters.gcp.errors import Refusal, status_of, torn, translated
from toolkit.domain.errors import Throttled, Unavailable

T = TypeVar("T")
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
SECONDS = (5.0, 60.0)  # to connect, to answer
LENGTHS = ("Content-Length", "Transfer-Encoding")
EMULATED_TOKEN = "emulated-access-token"  # noqa: S105  # what the emulator takes, and nobody else
emulated: set[str] = set()  # addresses of emulators: they get the fixed token, never the user's
_making = threading.Lock()


@cache
def credentials(emulator: bool = False) -> Any:
    """Unauthenticated (when used) where there are none."""
    import google.auth
    from google.oauth2.credentials import Credentials

    if emulator:
        return Credentials(token=EMULATED_TOKEN)
    with translated("find credentials"):
        found, _ = google.auth.default(scopes=list(SCOPES))
        return found


@cache
def session(endpoint: str = "") -> Any:
    """What sends requests with the caller's token; may be used from several threads."""
    from google.auth.transport.requests import AuthorizedSession
    from requests.adapters import HTTPAdapter

    with _making:
        made = AuthorizedSession(credentials(endpoint in emulated))
        made.trust_env = not endpoint  # no proxy stands before a server of this machine
        made.headers["User-Agent"] = f"driftloop/{toolkit.__version__}"
        for scheme in ("https://", "http://"):
            made.mount(scheme, HTTPAdapter(pool_connections=16, pool_maxsize=32))
        made.hooks["response"].append(_whole)
        return made


def _whole(reply: Any, **_: Any) -> None:
    """A reply that broke off in its headers is no reply. Python's HTTP client takes the end of a connection for the end
    of the headers, so that it reads as a success with nothing in it; Google says every body's length."""
    from requests.exceptions import ConnectionError as Broken

    if reply.status_code not in (204, 304) and not any(name in reply.headers for name in LENGTHS):
        reply.close()
        raise Broken("the reply broke off in its headers", request=reply.request)


@cache
def storage(project: str, endpoint: str = "") -> Any:
    """The client of Cloud Storage. Opens no connection."""
    return storage_over(session(endpoint), project, endpoint)


def storage_over(http: Any, project: str, endpoint: str = "") -> Any:
    """The same over a session of one's own."""
    from google.cloud.storage import Client

    where = {"api_endpoint": endpoint} if endpoint else None
    made = Client(project=project or "none", credentials=http.credentials, _http=http, client_options=where)
    made._bucket_metadata_cache = None  # else it asks after the bucket in the background, for traces that nobody reads
    return made


class Api:
    """One REST API: `host` is its name at Google ("run.googleapis.com"), and its folder on an emulator."""

    def __init__(self, host: str, version: str, endpoint: str = "") -> None:
        self.host = host
        self._base = f"{endpoint}/{host}/{version}" if endpoint else f"https://{host}/{version}"
        self._endpoint = endpoint

    def get(self, what: str, path: str, **query: Any) -> dict[str, Any]:
        """Tried again where that may help."""
        return again(lambda: self.call(what, "GET", path, query=query), _passes)

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
        """Once. `path` has no leading slash; the decoded answer. `quoted`: see `errors.translated`."""
        with translated(what, service=self.host, quote=quoted):
            url = f"{self._base}/{quote(path, safe='/:@%')}"
            given = {key: value for key, value in (query or {}).items() if value not in ("", None)}
            answer = session(self._endpoint).request(method, url, params=given, json=body, timeout=SECONDS)
            return decoded(answer)

    def pages(self, what: str, path: str, key: str, **query: Any) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self.get(what, path, pageToken=token, **query)
            yield from page.get(key, ())
            if not (token := page.get("nextPageToken", "")):
                return


def decoded(answer: Any) -> dict[str, Any]:
    """The JSON of a reply. Raises Refusal."""
    try:
        body = answer.json() if answer.content else {}
    except ValueError:
        body = None
    if answer.status_code >= 400 or not isinstance(body, dict):
        raise Refusal.of(answer.status_code if answer.status_code >= 400 else 502, body, answer.text)
    return body


def again(call: Callable[[], T], on: Callable[[Exception], bool]) -> T:
    """`call()`, tried again while it fails with what `on` knows: at most six times, about two seconds in all."""
    import stamina

    return stamina.RetryingCaller(attempts=6, timeout=10, wait_initial=0.05, wait_max=0.8, wait_jitter=0.1).on(on)(call)


def _passes(error: Exception) -> bool:
    return isinstance(error, Throttled | Unavailable) and (status_of(error) in {0, 429} or status_of(error) >= 500)


def reread(error: Exception) -> bool:
    """Whether a read that failed with this is worth another try."""
    return torn(error) or _passes(error)
