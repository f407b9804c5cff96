"""What the operator makes, as data: bodies are those of Google's REST APIs.

`waivers` are checks of checkov that a thing fails on purpose, each with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from toolkit.adapters.gcp.grants import (
    ACCOUNT,
    ALERTS,
    BUCKET,
    PROJECT,
    REPOSITORY,
    Binding,
    Site,
    bindings,
    powers,
)
from toolkit.adapters.gcp.names import ROLES

APIS = (
    "artifactregistry", "cloudresourcemanager", "cloudscheduler", "cloudtasks", "iam", "iamcredentials", "logging",
    "monitoring", "pubsub", "run", "secretmanager", "serviceusage", "storage", "sts",
)  # fmt: skip
BATCH_APIS = ("batch", "compute")
DATA = "data"  # the topic of new data
STALE_UPLOAD_DAYS = 2
OLD_VERSION_DAYS = 30
SOFT_DELETE_DAYS = 30
PUBLISHER = "roles/pubsub.publisher"
ISSUER = "https://token.actions.githubusercontent.com"
WHOSE = {
    "inference": "answers requests",
    "drift-check": "the drift check and the rollouts",
    "job": "jobs that train",
    "retrain": "the job that retrains and deploys",
    "scheduler": "calls functions at times and for new data",
    "deployer": "people and pipelines with the command line",
}


@dataclass(frozen=True)
class Place:
    """What a thing is part of."""

    project: str
    target: str
    labels: dict[str, str]
    agent: str  # the account as which Cloud Storage publishes
    pipeline: str = ""  # owner/name of the repository whose pipelines may deploy

    @property
    def mark(self) -> str:
        """Of what has no labels."""
        return f"toolkit: project {self.project}, target {self.target}"


@dataclass(frozen=True)
class Thing:
    """`name` is the resource's full name, without its API."""

    id: str
    kind: str
    name: str
    body: dict[str, Any]
    waivers: dict[str, str] = field(default_factory=dict)


def things(site: Site, place: Place) -> tuple[Thing, ...]:
    """All of it, what others need first."""
    apis = [f"{api}.googleapis.com" for api in (*APIS, *(BATCH_APIS if site.batch else ()))]
    return (
        Thing("Apis", "apis", f"projects/{site.project}", {"serviceIds": apis}),
        _bucket(site, place),
        *_accounts(site, place),
        *_powers(site, place),
        *_services(site, place),
        *_policies(site, place),
        *_pipeline(site, place),
    )


def _bucket(site: Site, place: Place) -> Thing:
    aborted = {"type": "AbortIncompleteMultipartUpload"}
    return Thing(
        "Bucket",
        "bucket",
        site.bucket,
        {
            "location": site.region,
            "labels": place.labels,
            "versioning": {"enabled": True},
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": True},
                "publicAccessPrevention": "enforced",
            },
            "softDeletePolicy": {"retentionDurationSeconds": str(SOFT_DELETE_DAYS * 86_400)},
            "lifecycle": {
                "rule": [
                    {"action": aborted, "condition": {"age": STALE_UPLOAD_DAYS}},
                    {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": OLD_VERSION_DAYS}},
                ]
            },
        },
        waivers={
            "CKV_GCP_62": "who wrote what is in the journal, tamper-evident; access logs would need a second bucket",
        },
    )


def _accounts(site: Site, place: Place) -> tuple[Thing, ...]:
    return tuple(
        Thing(
            f"{_title(role)}Account",
            "account",
            f"projects/{site.project}/serviceAccounts/{site.account(role)}",
            {"displayName": f"toolkit {role}", "description": f"{WHOSE[role]} ({place.mark})"},
        )
        for role in ROLES
        if role not in site.accounts
    )


def _powers(site: Site, place: Place) -> tuple[Thing, ...]:
    return tuple(
        Thing(
            f"{_title(name)}Power",
            "role",
            f"projects/{site.project}/roles/{site.names.power(name)}",
            {
                "title": f"toolkit {name}",
                "description": f"{power.title} ({place.mark})",
                "includedPermissions": sorted(power.permissions),
                "stage": "GA",
            },
        )
        for name, power in powers(site).items()
    )


def _services(site: Site, place: Place) -> tuple[Thing, ...]:
    own, region = site.names, f"projects/{site.project}/locations/{site.region}"
    keys = {"CKV_GCP_83": "alerts and names of objects; Google encrypts them with its own keys"}
    return (
        Thing(
            "Repository",
            "repository",
            f"{region}/repositories/{own.repository}",
            {
                "format": "DOCKER",
                "description": "the image of jobs and functions",
                "labels": place.labels,
                "dockerConfig": {"immutableTags": True},
            },
            waivers={"CKV_GCP_84": "the image holds public packages only; Google encrypts it with its own keys"},
        ),
        Thing("AlertTopic", "topic", f"projects/{site.project}/topics/{own.topic}", {"labels": place.labels}, keys),
        Thing("DataTopic", "topic", f"projects/{site.project}/topics/{own.data_topic}", {"labels": place.labels}, keys),
        Thing("Queue", "queue", f"{region}/queues/{own.queue}", {}),
    )


def _policies(site: Site, place: Place) -> tuple[Thing, ...]:
    """One thing for each resource that has bindings of ours."""
    found: dict[tuple[str, str], list[Binding]] = {}
    for binding in bindings(site):
        found.setdefault((binding.on, binding.whom), []).append(binding)
    found[DATA, ""] = [Binding(DATA, "", PUBLISHER, (f"serviceAccount:{place.agent}",))]
    own = site.names
    names = {
        PROJECT: f"projects/{site.project}",
        BUCKET: f"projects/_/buckets/{site.bucket}",
        REPOSITORY: f"projects/{site.project}/locations/{site.region}/repositories/{own.repository}",
        ALERTS: f"projects/{site.project}/topics/{own.topic}",
        DATA: f"projects/{site.project}/topics/{own.data_topic}",
    }
    return tuple(
        Thing(
            f"{_title(whom or on)}{'Account' if whom else ''}Policy",
            f"policy of {on}",
            names.get(on) or f"projects/{site.project}/serviceAccounts/{site.account(whom)}",
            {"bindings": [_body(binding, site) for binding in held]},
        )
        for (on, whom), held in found.items()
    )


def _body(binding: Binding, site: Site) -> dict[str, Any]:
    own = binding.role in powers(site)
    role = f"projects/{site.project}/roles/{site.names.power(binding.role)}" if own else binding.role
    members = [f"serviceAccount:{site.account(member)}" if member in ROLES else member for member in binding.members]
    found: dict[str, Any] = {"role": role, "members": sorted(members)}
    if binding.condition:
        title, expression = binding.condition
        found["condition"] = {"title": title, "expression": expression}
    return found


def _pipeline(site: Site, place: Place) -> tuple[Thing, ...]:
    """A pool that trusts GitHub's tokens of one repository and its environment that is called like the target, so that
    these pipelines deploy without a key, and those of forks and other branches do not."""
    if not place.pipeline:
        return ()
    pool = f"projects/{site.project}/locations/global/workloadIdentityPools/{site.names.pool}"
    whose = f"principalSet://iam.googleapis.com/projects/{site.number}/locations/global/workloadIdentityPools"
    member = f"{whose}/{site.names.pool}/attribute.repository/{place.pipeline}"
    return (
        Thing("Pool", "pool", pool, {"displayName": f"toolkit {place.target}"[:32], "description": place.mark}),
        Thing(
            "PoolProvider",
            "pool provider",
            f"{pool}/providers/github",
            {
                "displayName": "GitHub",
                "attributeMapping": {
                    "google.subject": "assertion.sub",
                    "attribute.repository": "assertion.repository",
                },
                "attributeCondition": f"assertion.sub == 'repo:{place.pipeline}:environment:{place.target}'",
                "oidc": {"issuerUri": ISSUER},
            },
            {"CKV_GCP_125": "the claim is repo:owner/name:environment:target, which checkov cannot see in variables"},
        ),
        Thing(
            "DeployerAccountPolicy",
            f"policy of {ACCOUNT}",
            f"projects/{site.project}/serviceAccounts/{site.account('deployer')}",
            {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]},
        ),
    )


def _title(name: str) -> str:
    return "".join(part.title() for part in name.split("-"))
