"""Who may do what: the one source of every policy. Pure data; templates, bootstrap and `export iam` are renderings.

A statement says why it is there, names its actions one by one and its resources by their names (`names`): no wildcard
for an action, and one for a resource only where a name goes on. tests/journeys/test_least_privilege.py runs the
lifecycle under these policies and fails for a grant that nothing used.

- Whoever reads state may also list: without s3:ListBucket S3 answers 403 for a key that is not there, and "not there"
  is what the journal's probe lives on. Such an answer is not a listing and so has no s3:prefix, hence `IfExists`.
- The journal is create-only for everybody, administrators too, by the bucket's own policy: no deletes, and no write
  without If-None-Match. S3 evaluates PutObject for the parts of a large upload too, which cannot carry that header;
  s3:ObjectCreationOperation leaves them out. `destroy --purge` is therefore the operator's: the policy goes first.
- A role can be passed to one service only, and is taken on only for this account's own resources.
- Where AWS knows no resource for an action, the resource is "*"; the statement says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from toolkit.adapters.aws.names import Names

VERSION = "2012-10-17"
# What lies in the bucket (toolkit/state/keys.py); a test compares the two.
FOLDERS = (
    "blobs", "bundles", "cache", "captures", "datasets", "deadletter", "doctor", "feedback", "journal", "leases",
    "models", "pages", "profiles", "reports", "runs", "service", "signatures", "tail",
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """Where a target lives. A field may also be a template's placeholder: nothing here looks inside."""

    stem: str
    bucket: str
    prefix: str  # "" is the bucket's root
    secrets: str
    namespace: str
    account: str
    region: str
    partition: str = "aws"
    queues: tuple[str, ...] = ()  # Batch queues beside the target's own
    topics: tuple[str, ...] = ()  # ARNs of topics beside the target's own
    parameters: bool = False  # whether some names are kept in SSM

    @property
    def names(self) -> Names:
        return Names(self.stem)

    @property
    def metrics_group(self) -> str:
        return f"/toolkit/{self.namespace}"

    def arn(self, service: str, resource: str, *, region: bool = True) -> str:
        return f"arn:{self.partition}:{service}:{self.region if region else ''}:{self.account}:{resource}"

    def role(self, role: str) -> str:
        return self.arn("iam", f"role/{self.names.role(role)}", region=False)

    @property
    def bucket_arn(self) -> str:
        return f"arn:{self.partition}:s3:::{self.bucket}"

    def objects(self, *folders: str) -> tuple[str, ...]:
        """Everything in these folders; without any, everything of the target."""
        base = f"{self.bucket_arn}/{self.prefix}/" if self.prefix else f"{self.bucket_arn}/"
        return tuple(f"{base}{folder}/*" for folder in folders) or (f"{base}*",)

    def group(self, name: str) -> str:
        """A log group; with what lies in it, which is how AWS writes it for all but tags."""
        return self.arn("logs", f"log-group:{name}:*")

    @property
    def functions(self) -> str:
        return self.arn("lambda", f"function:{self.names.functions}*")


@dataclass(frozen=True)
class Statement:
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str
    conditions: dict[str, dict[str, Any]] = field(default_factory=dict)
    effect: Literal["Allow", "Deny"] = "Allow"
    principal: Any = None  # of trust and bucket policies

    def document(self) -> dict[str, Any]:
        """As IAM takes it."""
        found: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect}
        if self.principal is not None:
            found["Principal"] = self.principal
        found["Action"] = list(self.actions)
        if self.resources:
            found["Resource"] = list(self.resources)
        if self.conditions:
            found["Condition"] = self.conditions
        return found


def document(statements: tuple[Statement, ...]) -> dict[str, Any]:
    return {"Version": VERSION, "Statement": [statement.document() for statement in statements]}


def roles(site: Site) -> dict[str, tuple[Statement, ...]]:
    """Per role what it may do, in the order of `names.ROLES`."""
    from toolkit.adapters.aws import grants

    return {
        "inference": grants.inference(site),
        "drift-check": grants.drift_check(site),
        "job": grants.job(site),
        "retrain": grants.retrain(site),
        "start": grants.start(site),
        "scheduler": grants.scheduler(site),
        "deployer": grants.deployer(site),
    }


SERVICES = {
    "inference": "lambda.amazonaws.com",
    "drift-check": "lambda.amazonaws.com",
    "job": "ecs-tasks.amazonaws.com",
    "retrain": "ecs-tasks.amazonaws.com",
    "start": "ecs-tasks.amazonaws.com",
    "scheduler": "scheduler.amazonaws.com",
}


def trust(role: str, site: Site) -> tuple[Statement, ...]:
    """Who may take the role on: one service, for a resource of this account (else it were anybody's deputy); the
    deployer's, whoever of this account is allowed to."""
    if role == "deployer":
        principal = {"AWS": site.arn("iam", "root", region=False)}
        return (
            Statement("Account", ("sts:AssumeRole",), (), "people and pipelines take it on", {}, principal=principal),
        )
    source = {
        "lambda.amazonaws.com": site.functions,
        "ecs-tasks.amazonaws.com": site.arn("ecs", "*"),
        "scheduler.amazonaws.com": site.arn("scheduler", f"schedule-group/{site.names.schedule_group}"),
    }[SERVICES[role]]
    return (
        Statement(
            "Service", ("sts:AssumeRole",), (), f"{SERVICES[role]} runs it",
            {"StringEquals": {"aws:SourceAccount": site.account}, "ArnLike": {"aws:SourceArn": source}},
            principal={"Service": SERVICES[role]},
        ),
    )  # fmt: skip


def bucket_policy(site: Site, *, tls: bool = True) -> tuple[Statement, ...]:
    """What nobody may do in the bucket. `tls=False` is for an emulator that speaks plain HTTP."""
    everybody, journal = {"AWS": "*"}, site.objects("journal")
    statements = (
        Statement(
            "TlsOnly", ("s3:*",), (site.bucket_arn, f"{site.bucket_arn}/*"), "nothing travels in clear text",
            {"Bool": {"aws:SecureTransport": "false"}}, "Deny", everybody,
        ),
        Statement(
            "JournalIsCreateOnly", ("s3:PutObject",), journal, "an entry that stands is never overwritten",
            {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}, "Deny", everybody,
        ),
        Statement(
            "JournalStays", ("s3:DeleteObject", "s3:DeleteObjectVersion"), journal, "the journal is the audit",
            {}, "Deny", everybody,
        ),
    )  # fmt: skip
    return statements if tls else statements[1:]
