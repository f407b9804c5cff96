"""Google's codes to our errors: one table, one context manager. A message says what was done to which resource, and the
hint what to type next. Google's own error is the `__cause__`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from toolkit.domain.errors import (
    AlreadyExists,
    ConfigError,
    Corrupt,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    StorageFull,
    Throttled,
    ToolkitError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)


class Row(NamedTuple):
    kind: type[ToolkitError]
    hint: str = ""


class Refusal(Exception):
    """An answer of a REST API that is an error: the HTTP status and google.rpc.Status beneath it."""

    def __init__(self, status: int, code: str, message: str, details: tuple[Mapping[str, Any], ...] = ()) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.details = status, code, message, details

    @classmethod
    def of(cls, status: int, body: Any, text: str = "") -> Refusal:
        """`body` is the decoded JSON, or anything where there was none."""
        error = body.get("error") if isinstance(body, dict) else None
        if not isinstance(error, dict):
            return cls(status, "", text.strip()[:300])
        reasons = [str(one.get("reason", "")) for one in error.get("errors", ()) if isinstance(one, dict)]
        code = str(error.get("status") or (reasons[0] if reasons else ""))
        details = tuple(one for one in error.get("details", ()) if isinstance(one, dict))
        return cls(status, code, str(error.get("message", "")), details)


_LOGIN = Row(Unauthenticated, "gcloud auth application-default login")
_DENIED = Row(
    PermissionDenied,
    "gcloud auth list shows who you are; that account needs {permission}: ask the project's owner to grant it",
)
_SLOW = Row(Throttled, "run the same command again in a minute")
_DOWN = Row(Unavailable, "run the same command again")
_UNREACHED = Row(Unavailable, "check the network and the endpoint, then run the same command again")
_QUOTA = Row(StorageFull, "remove what is not used, or ask for more: gcloud services quota list")

# google.rpc.Code
CODES: dict[str, Row] = {
    "NOT_FOUND": Row(NotFound),
    "ALREADY_EXISTS": Row(AlreadyExists),
    "FAILED_PRECONDITION": Row(PreconditionFailed),
    "ABORTED": Row(PreconditionFailed),  # an etag that is not the present one
    "INVALID_ARGUMENT": Row(ConfigError),
    "OUT_OF_RANGE": Row(ConfigError),
    "UNAUTHENTICATED": _LOGIN,
    "PERMISSION_DENIED": _DENIED,
    "RESOURCE_EXHAUSTED": _SLOW,
    "UNAVAILABLE": _DOWN,
    "DEADLINE_EXCEEDED": _DOWN,
    "INTERNAL": _DOWN,
    "UNKNOWN": _DOWN,
    "CANCELLED": _DOWN,
    "DATA_LOSS": Row(Corrupt),
    "UNIMPLEMENTED": Row(Unsupported),
}

# where one code is for many things, its words decide: (code, what they match, row)
SPOKEN: tuple[tuple[str, str, Row], ...] = (
    ("PERMISSION_DENIED", r"has not been used in project|is disabled",
     Row(ConfigError, "gcloud services enable {service}")),
    ("RESOURCE_EXHAUSTED", r"[Qq]uota exceeded for (quota )?metric .*(per minute|PerMinute)", _SLOW),
    ("RESOURCE_EXHAUSTED", r"[Qq]uota", _QUOTA),
    ("INVALID_ARGUMENT", r"service account .*does not exist|Permission 'iam.serviceaccounts.actAs' denied",
     Row(ConfigError, "make the target's service accounts, or name others: accounts = {{...}} in its table")),
)  # fmt: skip

STATUS: dict[int, Row] = {
    400: Row(ConfigError), 401: _LOGIN, 403: _DENIED, 404: Row(NotFound), 408: _DOWN, 409: Row(AlreadyExists),
    412: Row(PreconditionFailed), 413: Row(Unsupported, "send less at once"), 429: _SLOW, 501: Row(Unsupported),
    507: _QUOTA,
}  # fmt: skip

# exceptions of the libraries beneath, by the name of the class or of one it derives from
EXCEPTIONS: dict[str, Row] = {
    "DefaultCredentialsError": _LOGIN,
    "RefreshError": _LOGIN,
    "ReauthFailError": _LOGIN,
    "TransportError": _UNREACHED,
    "GoogleAuthError": _LOGIN,
    "DataCorruption": Row(Corrupt, "run the same command again"),
    "ConnectionError": _UNREACHED,
    "Timeout": _UNREACHED,
    "ChunkedEncodingError": _DOWN,
    "ContentDecodingError": _DOWN,
    "RequestException": _UNREACHED,
    "HTTPError": _UNREACHED,
    "JSONDecodeError": Row(Unavailable, "what answered is not Google: check the endpoint, then run it again"),
    "RetryError": _DOWN,
}
TORN = ("ChunkedEncodingError", "ProtocolError", "IncompleteRead", "DataCorruption", "ConnectionError")


@contextmanager
def translated(what: str, *, service: str = "SERVICE", quote: bool = True) -> Iterator[None]:
    """`what` is what was being done: "write gs://bucket/key". `service` is the API's host name. `quote=False` leaves
    out Google's own words: they may hold addresses. Only what Google's libraries raise is translated: a bug of ours
    goes on as it is."""
    from google.api_core.exceptions import GoogleAPICallError, RetryError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
    from requests.exceptions import RequestException

    known = (Refusal, GoogleAPICallError, RetryError, GoogleAuthError, InvalidResponse, DataCorruption)
    try:
        yield
    except (*known, RequestException) as error:
        row, said = _row(error)
        said = said if quote else said.partition(":")[0]
        hint = row.hint.format(permission=_permission(_message(error)), service=service)
        raise row.kind(f"cannot {what}: {said}", hint=hint) from error


def status_of(error: BaseException | None) -> int:
    """The HTTP status behind one of our errors or in one of Google's; 0 if there is none."""
    if isinstance(error, ToolkitError):
        error = error.__cause__
    if isinstance(error, Refusal):
        return error.status
    response = getattr(error, "response", None)
    found = getattr(error, "code", None) or getattr(response, "status_code", None)
    return int(found) if isinstance(found, int) else 0


def throttled(error: Exception) -> bool:
    """It was refused for now and nothing was done, for sure."""
    return isinstance(error, Throttled) and status_of(error) == 429


def torn(error: Exception) -> bool:
    """The reply began and its body did not arrive whole."""
    return _is(error.__cause__, TORN)


def _row(error: Exception) -> tuple[Row, str]:
    """The row and what was said."""
    status, words = status_of(error), _message(error)
    code = error.code if isinstance(error, Refusal) else ""
    said = f"{code or (f'status {status}' if status else type(error).__name__)}: {words}".removesuffix(": ")
    for named, pattern, row in SPOKEN:
        if (named == code or (not code and STATUS.get(status) == CODES[named])) and re.search(pattern, words):
            return row, said
    if code in CODES:
        return CODES[code], said
    if status in STATUS:
        return STATUS[status], said
    if status:
        return (_DOWN if status >= 500 else Row(Unsupported)), said
    for base in type(error).__mro__:
        if base.__name__ in EXCEPTIONS:
            return EXCEPTIONS[base.__name__], said
    return _DOWN, said


def _message(error: BaseException) -> str:
    return str(getattr(error, "message", "") or error).splitlines()[0][:500] if str(error) else ""


def _permission(words: str) -> str:
    """What was missing: Google says it."""
    found = re.search(r"'?([a-z]+\.[a-zA-Z.]+\.[a-zA-Z]+)'? (permission|access|denied)|Permission '([^']+)'", words)
    return (found[1] or found[3]) if found else "more rights"


def _is(error: BaseException | None, names: tuple[str, ...]) -> bool:
    while error is not None:
        if any(base.__name__ in names for base in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False
