"""Every refusal of AWS that a person can mend: which error, which exit code, and what to type. One row each."""

from __future__ import annotations

import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from toolkit.adapters.aws.errors import CODES, EXCEPTIONS, SPOKEN, translated
from toolkit.domain.errors import ToolkitError


def said(code: str, message: str = "the words", status: int = 400, operation: str = "Operation") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation,
    )


DENIED = "User: arn:aws:iam::1:user/a is not authorized to perform: batch:SubmitJob on resource: arn:aws:batch:x"
ROLE = "The role defined for the function cannot be assumed by Lambda."


@pytest.mark.parametrize(
    ("error", "kind", "exit_code", "hint"),
    [
        # no credentials, or not valid ones
        (NoCredentialsError(), "Unauthenticated", 6, "aws configure sso"),
        (ProfileNotFound(profile="x"), "ConfigError", 2, "aws configure list-profiles"),
        (said("ExpiredToken"), "Unauthenticated", 6, "aws sso login"),
        (said("InvalidClientTokenId"), "Unauthenticated", 6, "aws sts get-caller-identity"),
        (said("RequestTimeTooSkewed"), "Unauthenticated", 6, "timedatectl set-ntp true"),
        # the wrong region
        (NoRegionError(), "ConfigError", 2, "region ="),
        (said("PermanentRedirect", status=301), "ConfigError", 2, "aws s3api get-bucket-location --bucket my-bucket"),
        (said("AuthorizationHeaderMalformed"), "ConfigError", 2, "get-bucket-location"),
        # the bucket
        (said("NoSuchBucket", status=404), "ConfigError", 2, "aws s3 mb s3://my-bucket --region eu-west-1"),
        (said("BucketAlreadyExists", status=409), "ConfigError", 2, "bucket ="),
        (said("BucketAlreadyOwnedByYou", status=409), "AlreadyExists", 5, ""),
        # a permission, by name
        (said("AccessDeniedException", DENIED, 403), "PermissionDenied", 6, "batch:SubmitJob: toolkit export iam"),
        (said("ClientException", DENIED, 403), "PermissionDenied", 6, "needs batch:SubmitJob"),
        (said("AccessDenied", "Access Denied", 403, "PutObject"), "PermissionDenied", 6, "needs s3:PutObject"),
        (said("AccessDenied", "Access Denied", 403, "ListObjectsV2"), "PermissionDenied", 6, "needs s3:ListBucket"),
        (said("AccessDenied", "no", 403, "SomethingNew"), "PermissionDenied", 6, "the permission named"),
        # a quota
        (said("ServiceQuotaExceededException"), "StorageFull", 7, "aws service-quotas"),
        (said("LimitExceededException"), "StorageFull", 7, "aws service-quotas"),
        (said("TooManyBuckets"), "StorageFull", 7, "aws service-quotas"),
        (said("CodeStorageExceededException"), "StorageFull", 7, "toolkit gc"),
        (said("TooManyRequestsException", status=429), "Throttled", 7, "in a minute"),
        # too large
        (said("InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes"), "Unsupported", 2,
         "requirements under [serve]"),
        (said("RequestEntityTooLargeException", status=413), "Unsupported", 2, "requirements under [serve]"),
        # a role that is not ready
        (said("InvalidParameterValueException", ROLE), "Throttled", 7, "run the same command again"),
        # what an operator makes
        (said("ClientException", "JobQueue q not found."), "ConfigError", 2, "toolkit bootstrap"),
        (said("ClientException", "JobQueue q is not in ENABLED state."), "ConfigError", 2, "--state ENABLED"),
        (said("ClientException", "Fargate resource requirements (1 vCPU, 1 MiB)"), "Unsupported", 2, "[train]"),
        # not there
        (EndpointConnectionError(endpoint_url="x"), "Unavailable", 7, "check the network"),
        (said("ServerException", status=500), "Unavailable", 7, "again"),
        (ResponseParserError("not xml"), "Unavailable", 7, "check the endpoint"),
        (said("Unheard", status=500), "Unavailable", 7, "again"),
        (said("Unheard", status=403), "PermissionDenied", 6, "aws sts get-caller-identity"),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, Exception) else None,
)  # fmt: skip
def test_a_refusal_is_one_message_with_what_to_type(
    error: ClientError | BotoCoreError, kind: str, exit_code: int, hint: str
) -> None:
    with pytest.raises(ToolkitError) as told, translated("do the thing", "eu-west-1", bucket="my-bucket"):
        raise error
    assert told.value.code == kind
    assert told.value.exit_code == exit_code
    assert hint in told.value.hint
    assert told.value.message.startswith("cannot do the thing (region eu-west-1): ")
    assert "\n" not in told.value.message
    assert told.value.__cause__ is error
    assert "{" not in told.value.hint


def test_a_bug_of_ours_goes_on_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), translated("do the thing"):
        raise ZeroDivisionError


def test_words_may_be_left_out() -> None:
    with pytest.raises(ToolkitError) as told, translated("do the thing", quote=False):
        raise said("AccessDeniedException", DENIED, 403)
    assert "arn:" not in told.value.message + told.value.hint
    assert "batch:SubmitJob" in told.value.hint


def test_every_hint_can_be_filled_in() -> None:
    rows = [*CODES.values(), *EXCEPTIONS.values(), *(row for _, _, row in SPOKEN)]
    for row in rows:
        row.hint.format(bucket="b", region="r", permission="p")
