"""Functions: an uploaded bundle that answers HTTP and events, scaled to zero when idle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from toolkit.domain.specs import FunctionSpec, FunctionState, HttpRequest, HttpResponse, LogLine


class Functions(Protocol):
    """A function is a name, immutable published versions, and weights that say which versions answer."""

    def publish(self, spec: FunctionSpec) -> str:
        """Make a version from the spec and return its name; no traffic moves. Equal configuration gives the version
        that exists already. Raises NotFound (bundle), Unsupported (memory, time, size outside the limits)."""
        ...

    def route(self, name: str, weights: dict[str, float]) -> FunctionState:
        """Send traffic to these versions (weights sum to 1). One call, effective at once for new requests.
        NotFound names a missing function or version; Unsupported where several weights are not offered."""
        ...

    def observe(self, name: str) -> FunctionState:
        """NotFound."""
        ...

    def list(self, tags: dict[str, str] | None = None) -> Iterator[FunctionState]:
        """Every function whose tags include `tags`, by name."""
        ...

    def request(self, name: str, request: HttpRequest, *, version: str = "") -> HttpResponse:
        """Call it over HTTP as a client with the caller's identity would (auth is added here). `version` bypasses the
        weights (Unsupported where only what serves can be called). A failing function is a response with its status
        (5xx), not an exception. NotFound."""
        ...

    def event(self, name: str, event: dict[str, Any], *, wait: bool = True) -> Any:
        """Call it with an event. The returned JSON value; with `wait=False`, None at once (delivered at least once).
        A function that fails raises ProviderError with its error type and message."""
        ...

    def logs(self, name: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        """What its versions printed, in time order; `follow` never ends by itself."""
        ...

    def remove_version(self, name: str, version: str) -> None:
        """Conflict while it has traffic; removing what is not there is no error."""
        ...

    def delete(self, name: str) -> None:
        """The function, its versions, URL, workers and logs are gone. Deleting what is not there is no error."""
        ...
