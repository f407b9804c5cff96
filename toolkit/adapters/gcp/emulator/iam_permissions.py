"""Which permissions and predefined roles there are, of the services that we use (IAM's reference of permissions)."""

from __future__ import annotations

_VERBS = {
    "storage.buckets": "create delete get getIamPolicy list setIamPolicy update",
    "storage.objects": "create delete get getIamPolicy list setIamPolicy update restore",
    "storage.multipartUploads": "abort create list listParts",
    "run.services": "create delete get getIamPolicy list setIamPolicy update",
    "run.revisions": "delete get list",
    "run.routes": "get invoke list",
    "run.jobs": "create delete get getIamPolicy list run runWithOverrides setIamPolicy update",
    "run.executions": "cancel delete get list",
    "run.tasks": "get list",
    "run.operations": "get list",
    "cloudscheduler.jobs": "create delete enable fullView get list pause run update",
    "cloudtasks.queues": "create delete get list pause purge resume update",
    "cloudtasks.tasks": "create delete fullView get list run",
    "batch.jobs": "create delete get list",
    "batch.tasks": "get list",
    "batch.states": "report",
    "pubsub.topics": "attachSubscription create delete get getIamPolicy list publish setIamPolicy update",
    "pubsub.subscriptions": "consume create delete get getIamPolicy list setIamPolicy update",
    "secretmanager.secrets": "create delete get getIamPolicy list setIamPolicy update",
    "secretmanager.versions": "access add destroy disable enable get list",
    "logging.logEntries": "create download list route",
    "logging.logs": "delete list",
    "logging.privateLogEntries": "list",
    "monitoring.timeSeries": "create list",
    "monitoring.metricDescriptors": "create delete get list",
    "artifactregistry.repositories":
        "create delete deleteArtifacts downloadArtifacts get getIamPolicy list setIamPolicy update uploadArtifacts",
    "artifactregistry.dockerimages": "get list",
    "artifactregistry.tags": "create delete get list update",
    "artifactregistry.versions": "delete get list",
    "artifactregistry.files": "get list upload",
    "iam.serviceAccounts":
        "actAs create delete get getAccessToken getIamPolicy getOpenIdToken list setIamPolicy signBlob signJwt update",
    "iam.roles": "create delete get list undelete update",
    "iam.workloadIdentityPools": "create delete get list undelete update",
    "resourcemanager.projects": "get getIamPolicy setIamPolicy update",
    "serviceusage.services": "disable enable get list use",
}  # fmt: skip
PREDEFINED: dict[str, tuple[str, ...]] = {
    "roles/run.invoker": ("run.routes.invoke",),
    "roles/pubsub.publisher": ("pubsub.topics.publish",),
    "roles/iam.serviceAccountUser": (
        "iam.serviceAccounts.actAs", "iam.serviceAccounts.get", "iam.serviceAccounts.list",
    ),
    "roles/iam.workloadIdentityUser": ("iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken"),
    "roles/iam.serviceAccountTokenCreator": (
        "iam.serviceAccounts.getAccessToken", "iam.serviceAccounts.getOpenIdToken", "iam.serviceAccounts.signBlob",
        "iam.serviceAccounts.signJwt",
    ),
    "roles/iam.serviceAccountOpenIdTokenCreator": ("iam.serviceAccounts.getOpenIdToken",),
}  # fmt: skip


def known(permission: str) -> bool:
    kind, _, verb = permission.rpartition(".")
    return verb in _VERBS.get(kind, "").split()
