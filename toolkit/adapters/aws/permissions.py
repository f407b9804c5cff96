"""What the actions of a plan need, in IAM's words. A test holds every name against the deployer's policy and against
the calls that were really made."""

from __future__ import annotations

_PUBLISH = (
    "iam:PassRole", "lambda:GetFunction", "lambda:ListFunctions", "lambda:ListVersionsByFunction",
    "lambda:PublishVersion", "lambda:TagResource", "s3:GetObject",
)  # fmt: skip
TABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("bundle", "create"): ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListBucket", "s3:PutObject"),
    ("bundle", "delete"): ("s3:DeleteObject", "s3:ListBucket"),
    ("function", "create"): (
        *_PUBLISH, "lambda:CreateAlias", "lambda:CreateFunction", "lambda:CreateFunctionUrlConfig",
        "lambda:PutFunctionConcurrency", "logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource",
    ),
    ("function", "update"): (*_PUBLISH, "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"),
    ("function", "delete"): ("lambda:DeleteFunction", "logs:DeleteLogGroup"),
    ("route", "create"): ("lambda:GetAlias", "lambda:GetFunctionUrlConfig", "lambda:UpdateAlias"),
    ("route", "update"): ("lambda:GetAlias", "lambda:GetFunctionUrlConfig", "lambda:UpdateAlias"),
    ("schedule", "create"): ("iam:PassRole", "scheduler:CreateSchedule", "scheduler:GetSchedule"),
    ("schedule", "update"): ("iam:PassRole", "scheduler:GetSchedule", "scheduler:UpdateSchedule"),
    ("schedule", "delete"): ("scheduler:DeleteSchedule",),
    ("watch", "create"): ("lambda:AddPermission", "s3:GetBucketNotification", "s3:PutBucketNotification"),
    ("watch", "update"): ("lambda:AddPermission", "s3:GetBucketNotification", "s3:PutBucketNotification"),
    ("watch", "delete"): ("s3:GetBucketNotification", "s3:PutBucketNotification"),
}  # fmt: skip


def of(kind: str, verb: str) -> tuple[str, ...]:
    return tuple(sorted(TABLE.get((kind, verb), ())))
