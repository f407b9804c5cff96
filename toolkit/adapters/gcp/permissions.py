"""What the actions of a plan need, in IAM's words. A test holds every name against what the deployer is given."""

from __future__ import annotations

_OBJECT = ("storage.objects.create", "storage.objects.get", "storage.objects.list")
_VERSION = (
    "artifactregistry.repositories.downloadArtifacts", "iam.serviceAccounts.actAs", "run.operations.get",
    "run.revisions.list", "run.services.get", "storage.objects.get",
)  # fmt: skip
_ROUTE = (
    "iam.serviceAccounts.actAs", "run.operations.get", "run.revisions.list", "run.services.get",
    "run.services.getIamPolicy", "run.services.setIamPolicy", "run.services.update",
)  # fmt: skip
_SCHEDULE = (
    "cloudscheduler.jobs.create", "cloudscheduler.jobs.enable", "cloudscheduler.jobs.fullView",
    "cloudscheduler.jobs.get", "cloudscheduler.jobs.pause", "cloudscheduler.jobs.update", "iam.serviceAccounts.actAs",
    "run.services.get",
)  # fmt: skip
_WATCH = (
    "iam.serviceAccounts.actAs", "pubsub.subscriptions.create", "pubsub.subscriptions.update",
    "pubsub.topics.attachSubscription", "run.services.get", "storage.buckets.get", "storage.buckets.update",
)  # fmt: skip
TABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("bundle", "create"): _OBJECT,
    ("bundle", "delete"): ("storage.objects.delete", "storage.objects.list"),
    ("function", "create"): (*_VERSION, "run.services.create", "run.services.list"),
    ("function", "update"): (*_VERSION, "run.revisions.delete", "run.services.list", "run.services.update"),
    ("function", "delete"): ("run.operations.get", "run.services.delete"),
    ("route", "create"): _ROUTE,
    ("route", "update"): _ROUTE,
    ("schedule", "create"): _SCHEDULE,
    ("schedule", "update"): _SCHEDULE,
    ("schedule", "delete"): ("cloudscheduler.jobs.delete",),
    ("watch", "create"): _WATCH,
    ("watch", "update"): _WATCH,
    ("watch", "delete"): ("pubsub.subscriptions.delete", "storage.buckets.get", "storage.buckets.update"),
}


def of(kind: str, verb: str) -> tuple[str, ...]:
    return tuple(sorted(TABLE.get((kind, verb), ())))
