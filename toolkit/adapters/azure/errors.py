"""Azure's codes to our errors: one table, one context manager. A message says what was done to which resource, and the
hint what to type next. Azure's own error is the `__cause__`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    """An answer of a REST API that is an error: the HTTP status, Azure's code and its words."""

    def __init__(self, status: int, code: str, message: str, inner: str = "") -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.inner = status, code, message, inner

    @classmethod
    def of(cls, status: int, body: Any, text: str = "") -> Refusal:
        """`body` is the decoded JSON, or anything where there was none."""
        error = body.get("error", body) if isinstance(body, dict) else None
        if not isinstance(error, dict) or not (error.get("code") or error.get("message")):
            return cls(status, "", text.strip()[:300])
        inner = error.get("innererror") or error.get("innerError") or {}
        inside = str(inner.get("code", "")) if isinstance(inner, dict) else ""
        return cls(status, str(error.get("code") or ""), str(error.get("message") or ""), inside)


_LOGIN = Row(Unauthenticated, "az login")
_DENIED = Row(
    PermissionDenied,
    "az account show tells who you are; that identity needs {permission}: ask the subscription's owner to grant it",
)
_SLOW = Row(Throttled, "run the same command again in a minute")
_DOWN = Row(Unavailable, "run the same command again")
_UNREACHED = Row(Unavailable, "check the network and the endpoint, then run the same command again")
_QUOTA = Row(StorageFull, "remove what is not used, or ask for more: az quota list")
_EXISTS = Row(AlreadyExists)
_MISSING = Row(NotFound)
_CHANGED = Row(PreconditionFailed)
_WRONG = Row(ConfigError)

# Storage, Key Vault and ARM; a code that is not here is read by its status
CODES: dict[str, Row] = {
    "BlobNotFound": _MISSING,
    "ContainerNotFound": _MISSING,
    "ResourceNotFound": _MISSING,
    "ResourceGroupNotFound": Row(ConfigError, "toolkit bootstrap, or correct resource_group in [targets.<t>.azure]"),
    "SubscriptionNotFound": Row(ConfigError, "az account list, then correct subscription in [targets.<t>.azure]"),
    "ParentResourceNotFound": _MISSING,
    "NotFound": _MISSING,
    "SecretNotFound": _MISSING,
    "BlobAlreadyExists": _EXISTS,
    "ContainerAlreadyExists": _EXISTS,
    "ResourceAlreadyExists": _EXISTS,
    "ConditionNotMet": _CHANGED,
    "TargetConditionNotMet": _CHANGED,
    "SourceConditionNotMet": _CHANGED,
    "PreconditionFailed": _CHANGED,
    "ContainerBeingDeleted": _DOWN,
    "LeaseIdMissing": Row(Unavailable, "somebody holds a lease on it: wait until it ends"),
    "InvalidRange": Row(Unsupported),
    "AuthenticationFailed": _LOGIN,
    "InvalidAuthenticationInfo": _LOGIN,
    "NoAuthenticationInformation": _LOGIN,
    "InvalidAuthenticationToken": _LOGIN,
    "ExpiredAuthenticationToken": _LOGIN,
    "Unauthorized": _LOGIN,
    "AuthorizationFailed": _DENIED,
    "AuthorizationFailure": Row(
        PermissionDenied, "the account's firewall refuses this network: az storage account show"
    ),
    "AuthorizationPermissionMismatch": _DENIED,
    "InsufficientAccountPermissions": _DENIED,
    "LinkedAuthorizationFailed": _DENIED,
    "Forbidden": _DENIED,
    "ForbiddenByRbac": _DENIED,
    "AccountIsDisabled": Row(ConfigError, "the storage account is disabled: az storage account show"),
    "MissingSubscriptionRegistration": Row(ConfigError, "az provider register --namespace {service}"),
    "QuotaExceeded": _QUOTA,
    "OperationNotAllowed": _QUOTA,
    "TooManyRequests": _SLOW,
    "Throttled": _SLOW,
    "SubscriptionRequestsThrottled": _SLOW,
    "ServerBusy": _SLOW,
    "InternalError": _DOWN,
    "OperationTimedOut": _DOWN,
    "Md5Mismatch": Row(Corrupt, "run the same command again"),
    "Crc64Mismatch": Row(Corrupt, "run the same command again"),
    "RequestBodyTooLarge": Row(Unsupported, "send less at once"),
}

STATUS: dict[int, Row] = {
    400: _WRONG, 401: _LOGIN, 403: _DENIED, 404: _MISSING, 408: _DOWN, 409: _EXISTS, 410: _MISSING, 412: _CHANGED,
    413: Row(Unsupported, "send less at once"), 429: _SLOW, 501: Row(Unsupported), 507: _QUOTA,
}  # fmt: skip

# exceptions of azure-core and azure-identity without a status, by the name of the class or of one it derives from
EXCEPTIONS: dict[str, Row] = {
    "ClientAuthenticationError": _LOGIN,
    "IncompleteReadError": _DOWN,
    "DecodeError": Row(Unavailable, "what answered is not Azure: check the endpoint, then run it again"),
    "ServiceRequestError": _UNREACHED,
    "ServiceResponseError": _DOWN,
    "AzureError": _DOWN,
}
TORN = ("IncompleteReadError", "ProtocolError", "IncompleteRead", "ChunkedEncodingError", "ConnectionError")


@contextmanager
def translated(what: str, *, service: str = "SERVICE", quote: bool = True) -> Iterator[None]:
    """`what` is what was being done: "write az://account/container/key". `service` is the resource provider.
    `quote=False` leaves out Azure's own words: they may hold addresses. Only what Azure's libraries raise is
    translated: a bug of ours goes on as it is."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except (Refusal, AzureError) as error:
        row, said = _row(error)
        said = said if quote else said.partition(":")[0]
        hint = row.hint.format(permission=_permission(str(getattr(error, "message", "") or error)), service=service)
        raise row.kind(f"cannot {what}: {said}", hint=hint) from error


def code_of(error: BaseException | None) -> str:
    """Azure's code behind one of our errors or in one of Azure's; "" if there is none."""
    if isinstance(error, ToolkitError):
        error = error.__cause__
    if isinstance(error, Refusal):
        return error.inner if error.inner in CODES else error.code
    found = getattr(error, "error_code", None) or getattr(getattr(error, "error", None), "code", None)
    return str(getattr(found, "value", found) or "")


def status_of(error: BaseException | None) -> int:
    """The HTTP status behind one of our errors or in one of Azure's; 0 if there is none."""
    if isinstance(error, ToolkitError):
        error = error.__cause__
    if isinstance(error, Refusal):
        return error.status
    found = getattr(error, "status_code", None)
    return int(found) if isinstance(found, int) else 0


def throttled(error: Exception) -> bool:
    """It was refused for now and nothing was done, for sure: 429. Storage's 503 ServerBusy does not say so."""
    return isinstance(error, Throttled) and status_of(error) == 429


def torn(error: Exception) -> bool:
    """The reply began and its body did not arrive whole."""
    return _is(error.__cause__, TORN)


def _row(error: Exception) -> tuple[Row, str]:
    """The row and what was said."""
    status, code, words = status_of(error), code_of(error), _message(error)
    said = f"{code or (f'status {status}' if status else type(error).__name__)}: {words}".removesuffix(": ")
    if code in CODES:
        return CODES[code], said
    if status in STATUS:
        return STATUS[status], said
    if status >= 400:
        return (_DOWN if status >= 500 else Row(Unsupported)), said
    for base in type(error).__mro__:
        if base.__name__ in EXCEPTIONS:
            return EXCEPTIONS[base.__name__], said
    return _DOWN, said


def _message(error: BaseException) -> str:
    """Its first line, without the request's id and time."""
    text = str(getattr(error, "message", "") or error).strip()
    return text.splitlines()[0][:500] if text else ""


def _permission(words: str) -> str:
    """What was missing: ARM and Key Vault say it."""
    found = re.search(r"action\(s\) '([^']+)'", words) or re.search(r"(?:perform action|Action:) '([^']+)'", words)
    return found[1] if found else "more rights"


def _is(error: BaseException | None, names: tuple[str, ...]) -> bool:
    while error is not None:
        if any(base.__name__ in names for base in type(error).__mro__):
            return True
        error = error.__cause__ or error.__context__
    return False
