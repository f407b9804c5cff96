"""AWS's codes to our errors: one table, one context manager. A message says what was done to which resource, and the
hint what to type next. AWS's own error is the `__cause__`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

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


_KEYS = Row(Unauthenticated, "aws sts get-caller-identity shows who you are; aws configure sets other keys")
_EXPIRED = Row(Unauthenticated, "aws sso login, or renew the session's credentials, then run it again")
_DENIED = Row(
    PermissionDenied,
    "aws sts get-caller-identity shows who you are; that role needs {permission}: toolkit export iam prints its policy",
)
_REGION = Row(ConfigError, 'set region = "..." in [targets.<t>.aws]: aws s3api get-bucket-location --bucket {bucket}')
_BUCKET = Row(ConfigError, "aws s3 mb s3://{bucket}{region}, or correct bucket in [targets.<t>.aws]")
_SLOW = Row(Throttled, "run the same command again in a minute")
_DOWN = Row(Unavailable, "run the same command again")
_UNREACHED = Row(Unavailable, "check the network and the endpoint, then run the same command again")
_CLOCK = Row(Unauthenticated, "this machine's clock is wrong: sudo timedatectl set-ntp true")
_FULL = Row(StorageFull, "free some space there, or ask for more quota")
_QUOTA = Row(StorageFull, "remove what is not used, or ask for more: aws service-quotas list-services")
_NEW_ROLE = Row(Throttled, "a role that is new takes AWS some seconds: run the same command again")
_TAKEN = Row(ConfigError, 'that name is somebody else\'s: set bucket = "..." in [targets.<t>.aws] to another one')
_TOO_LARGE = Row(Unsupported, "toolkit plan says what is large; put less into requirements under [serve]")

CODES: dict[str, Row] = {
    # what is there and what is not
    "NoSuchKey": Row(NotFound),
    "NoSuchBucket": _BUCKET,  # not NotFound: state would take a wrong bucket for an empty one
    "InvalidBucketName": _BUCKET,
    "ResourceNotFoundException": Row(NotFound),
    "NotFound": Row(NotFound),
    "NotFoundException": Row(NotFound),
    "ResourceExistsException": Row(AlreadyExists),
    "ResourceAlreadyExistsException": Row(AlreadyExists),
    "BucketAlreadyOwnedByYou": Row(AlreadyExists),
    "BucketAlreadyExists": _TAKEN,
    "EntityAlreadyExists": Row(AlreadyExists),
    "NoSuchEntity": Row(NotFound),
    "ParameterNotFound": Row(NotFound),
    "ParameterAlreadyExists": Row(AlreadyExists),
    "NoSuchLifecycleConfiguration": Row(NotFound),
    "NoSuchPublicAccessBlockConfiguration": Row(NotFound),
    "PreconditionFailed": Row(PreconditionFailed),
    "ClientException": Row(ConfigError),  # of Batch, for everything: see SPOKEN
    "ServerException": _DOWN,
    "PreconditionFailedException": Row(PreconditionFailed),
    # what was asked cannot be
    "InvalidParameterValueException": Row(ConfigError),
    "ValidationException": Row(ConfigError),
    "ParameterPatternMismatchException": Row(ConfigError),
    "HierarchyLevelLimitExceededException": Row(ConfigError, 'set a shorter secrets = "..." in [targets.<t>.aws]'),
    "InvalidRequestContentException": Row(ConfigError),
    "RequestTooLargeException": Row(Unsupported, "send less at once"),
    "RequestEntityTooLargeException": Row(Unsupported, "send less at once"),
    "CodeStorageExceededException": Row(StorageFull, "toolkit gc removes versions without traffic; or ask for more"),
    "ResourceConflictException": Row(Throttled, "run the same command again in a minute"),
    "ConflictException": Row(Throttled, "run the same command again in a minute"),
    # who asks
    "AccessDenied": _DENIED,
    "AccessDeniedException": _DENIED,
    "AuthorizationError": _DENIED,
    "AuthorizationErrorException": _DENIED,
    "AllAccessDisabled": _DENIED,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidClientTokenId": _KEYS,
    "UnrecognizedClientException": _KEYS,
    "InvalidSignatureException": _KEYS,
    "IncompleteSignature": _KEYS,
    "InvalidToken": _EXPIRED,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    # where
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "TemporaryRedirect": _DOWN,
    # not now
    "SlowDown": _SLOW,
    "Throttling": _SLOW,
    "ThrottlingException": _SLOW,
    "ThrottledException": _SLOW,
    "Throttled": _SLOW,
    "TooManyRequestsException": _SLOW,
    "RequestLimitExceeded": _SLOW,
    "ServiceQuotaExceededException": _QUOTA,
    "LimitExceededException": _QUOTA,
    "LimitExceeded": _QUOTA,
    "TooManyBuckets": _QUOTA,
    "ParameterLimitExceeded": _QUOTA,
    "TooManyUpdates": _SLOW,
    "ConditionalRequestConflict": _SLOW,
    "OperationAborted": _SLOW,
    "RequestTimeout": _DOWN,
    "InternalError": _DOWN,
    "ServiceUnavailable": _DOWN,
    # S3-compatible servers with a disk of their own
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "InsufficientStorage": _FULL,
    # what arrived is not what was sent
    "BadDigest": _DOWN,
    "IncompleteBody": _DOWN,
    "XAmzContentSHA256Mismatch": _DOWN,
    "XAmzContentChecksumMismatch": _DOWN,
    "NotImplemented": Row(
        Unsupported, "this server does not know the request: state needs one that honours preconditions"
    ),
}

# where one code is for many things, its words decide: (code, what they match, row)
SPOKEN: tuple[tuple[str, str, Row], ...] = (
    ("ClientException", r"JobQueue .*not found|Job queue .*does not exist",
     Row(ConfigError, "toolkit bootstrap makes the queue; or correct queue in [targets.<t>.aws]")),
    ("ClientException", r"not in (an )?ENABLED state",
     Row(ConfigError, "aws batch update-job-queue --state ENABLED --job-queue NAME")),
    ("ClientException", r"Fargate resource requirements", Row(Unsupported, "ask for less under [train]")),
    ("ClientException", r"is not authorized", _DENIED),
    ("InvalidParameterValueException", r"role .*cannot be assumed", _NEW_ROLE),
    ("ValidationException", r"role .*(assume|trust)", _NEW_ROLE),
    ("InvalidParameterValueException", r"[Uu]nzipped size must be smaller", _TOO_LARGE),
    ("RequestEntityTooLargeException", r"", _TOO_LARGE),
)  # fmt: skip

STATUS: dict[int, Row] = {
    401: _KEYS, 403: _DENIED, 404: Row(NotFound), 409: _SLOW, 412: Row(PreconditionFailed), 429: _SLOW, 507: _FULL,
}  # fmt: skip

# operation of S3 -> the permission it needs
PERMISSIONS = {
    "GetObject": "s3:GetObject", "HeadObject": "s3:GetObject", "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject", "ListObjectsV2": "s3:ListBucket", "HeadBucket": "s3:ListBucket",
    "CreateMultipartUpload": "s3:PutObject", "UploadPart": "s3:PutObject", "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload", "CreateBucket": "s3:CreateBucket",
}  # fmt: skip

# botocore's own exceptions, by the name of the class or of one it derives from
EXCEPTIONS: dict[str, Row] = {
    "NoCredentialsError": Row(Unauthenticated, "aws configure sso, or set AWS_PROFILE"),
    "PartialCredentialsError": Row(Unauthenticated, "aws configure sso, or set AWS_PROFILE"),
    "CredentialRetrievalError": _EXPIRED,
    "MetadataRetrievalError": _EXPIRED,
    "SSOError": _EXPIRED,
    "TokenRetrievalError": _EXPIRED,
    "RefreshWithMFAUnsupportedError": _EXPIRED,
    "ProfileNotFound": Row(ConfigError, "aws configure list-profiles; then set AWS_PROFILE"),
    "ConfigNotFound": Row(ConfigError, "check AWS_CONFIG_FILE"),
    "ConfigParseError": Row(ConfigError, "check ~/.aws/config"),
    "NoRegionError": Row(ConfigError, 'set region = "..." in [targets.<t>.aws], or AWS_REGION'),
    "InvalidRegionError": Row(ConfigError, 'set region = "..." in [targets.<t>.aws]'),
    "ParamValidationError": Row(ConfigError),
    "ResponseParserError": Row(Unavailable, "what answered is not AWS: check the endpoint, then run it again"),
    "FlexibleChecksumError": Row(Corrupt, "run the same command again"),
    "HTTPClientError": _UNREACHED,
    "ConnectionError": _UNREACHED,
    "ResponseStreamingError": _DOWN,
    "IncompleteReadError": _DOWN,
    "RecursionError": Row(
        ConfigError, "its server answers with redirects and no region: is the endpoint right (https)?"
    ),
    "BotoCoreError": Row(Unavailable, "aws sts get-caller-identity tells whether AWS can be used at all"),
}

REFUSED = frozenset({"ConditionalRequestConflict", "OperationAborted"})  # 409: not applied, sure
TORN = ("ResponseStreamingError", "IncompleteReadError", "ReadTimeoutError", "FlexibleChecksumError")


@contextmanager
def translated(what: str, region: str = "", *, bucket: str = "", quote: bool = True) -> Iterator[None]:
    """`what` is what was being done: "write s3://bucket/key". `quote=False` leaves out AWS's own words: they may hold
    account numbers. Only what botocore raises is translated: a bug of ours goes on as it is. (A RecursionError is
    botocore's too: it follows a redirect without a region by asking for the region, which is redirected...)"""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError, RecursionError) as error:
        row, said = _row(error)
        place = f" (region {region})" if region else ""
        words = f"{said}: {_words(error)}" if quote and _words(error) else said
        place_of = f" --region {region}" if region else ""
        hint = row.hint.format(bucket=bucket or "BUCKET", region=place_of, permission=_permission(error))
        raise row.kind(f"cannot {what}{place}: {words}", hint=hint) from error


def code(error: BaseException | None) -> str:
    """AWS's code ("SlowDown") behind one of our errors or in one of botocore's; "" if there is none."""
    if isinstance(error, ToolkitError):
        error = error.__cause__
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def refused_for_now(error: Exception) -> bool:
    """S3's 409: it met another write at the same time and did nothing. boto3 does not retry it."""
    return isinstance(error, Throttled) and code(error) in REFUSED


def torn(error: Exception) -> bool:
    """The reply began and its body did not arrive whole: boto3 does not retry that either."""
    return _is(error.__cause__, TORN)


def _row(error: Exception) -> tuple[Row, str]:
    """The row and the short word for it."""
    for named, pattern, row in SPOKEN:
        if named == code(error) and re.search(pattern, _words(error)):
            return row, named
    if not (found := code(error)):
        for base in type(error).__mro__:
            if base.__name__ in EXCEPTIONS:
                return EXCEPTIONS[base.__name__], type(error).__name__
    if found in CODES:
        return CODES[found], found
    status = int(getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status >= 500 and status != 507:
        return _DOWN, found or f"status {status}"
    return STATUS.get(status, Row(Unsupported)), found or f"status {status}"


def _permission(error: Exception) -> str:
    """What was missing, in IAM's words: AWS says it, but for S3, which often names no more than the operation."""
    if found := re.search(r"not authorized to perform: ([\w-]+:\w+)", _words(error)):
        return found[1]
    return PERMISSIONS.get(getattr(error, "operation_name", ""), "the permission named")


def _words(error: Exception) -> str:
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Message", "")).strip()
    return str(error).strip()


def _is(error: BaseException | None, names: tuple[str, ...]) -> bool:
    return any(base.__name__ in names for base in type(error).__mro__)
