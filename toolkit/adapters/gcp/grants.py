"""Who may do what: the one source of roles and bindings. Pure data; templates, bootstrap and `export iam` render it.

A power is a custom role: permissions named one by one, and why. A grant gives a power to the account of a role on one
thing: the bucket (some folders of it), the project, a topic, the repository, another account.

- The journal is create-only for everybody here: overwriting takes storage.objects.delete too, and no power that has it
  is granted on journal/. There is no deny by object name in IAM, so who owns the project may still delete;
  `destroy --purge` is therefore the owner's, and what was deleted stays for the days of the bucket's soft delete.
- Listing is of the bucket, which has no folders: who reads state sees the names of what it may not read.
- IAM knows no condition on names of Cloud Run, Cloud Scheduler, Cloud Tasks and Pub/Sub: such a grant is for the
  project. Where targets must be walled off from each other, each gets a project of its own.
- Acting as an account is granted on that account, one by one: nobody becomes what it is not meant to start.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from toolkit.adapters.gcp.names import ROLES, Names

# What lies in the bucket (toolkit/state/keys.py); a test compares the two.
FOLDERS = (
    "blobs", "bundles", "cache", "captures", "datasets", "deadletter", "doctor", "feedback", "journal", "leases",
    "models", "pages", "profiles", "reports", "runs", "service", "signatures", "tail",
)  # fmt: skip
BUCKET, PROJECT, REPOSITORY, ALERTS, SECRETS, ACCOUNT = (
    "bucket",
    "project",
    "repository",
    "alerts",
    "secrets",
    "account",
)


@dataclass(frozen=True)
class Site:
    """Where a target lives. A field may also be a template's placeholder: nothing here looks inside."""

    stem: str
    project: str
    number: str  # of the project: conditions on secrets have it
    region: str
    bucket: str
    prefix: str  # "" is the bucket's root
    accounts: dict[str, str] = field(default_factory=dict)  # accounts that the operator named otherwise
    batch: bool = False  # jobs may run by Batch

    @property
    def names(self) -> Names:
        return Names(self.stem)

    def account(self, role: str) -> str:
        return self.accounts.get(role) or self.names.account(role, self.project)

    def objects(self, *folders: str) -> tuple[str, ...]:
        """What the names of the objects in these folders begin with, as conditions see them; without any, of all."""
        base = f"projects/_/buckets/{self.bucket}/objects/" + (f"{self.prefix}/" if self.prefix else "")
        return tuple(f"{base}{folder}/" for folder in folders) or (base,)


@dataclass(frozen=True)
class Power:
    title: str
    permissions: tuple[str, ...]


POWERS: dict[str, Power] = {
    "read": Power("read objects", ("storage.objects.get",)),
    "list": Power("see which objects there are", ("storage.objects.list",)),
    "create": Power("write objects that are not there yet", ("storage.objects.create",)),
    "replace": Power(
        "write objects over others, and remove them", ("storage.objects.create", "storage.objects.delete")
    ),
    "remove": Power("remove objects", ("storage.objects.delete",)),
    "notify": Power(
        "have new objects told, see how the bucket is set up; IAM knows no smaller right for the first",
        ("storage.buckets.get", "storage.buckets.update"),
    ),
    "tell": Power("publish alerts", ("pubsub.topics.publish",)),
    "measure": Power("write metrics and their log", ("logging.logEntries.create", "monitoring.timeSeries.create")),
    "log": Power("read what functions, jobs and metrics wrote", ("logging.logEntries.list",)),
    "traffic": Power(
        "move traffic between versions, publish a version of a service that is there",
        (
            "run.operations.get", "run.revisions.get", "run.revisions.list", "run.services.get",
            "run.services.getIamPolicy", "run.services.list", "run.services.setIamPolicy", "run.services.update",
        ),
    ),
    "deploy": Power(
        "make and remove services and versions", ("run.revisions.delete", "run.services.create", "run.services.delete")
    ),
    "call": Power("call functions", ("run.routes.invoke",)),
    "jobs": Power(
        "start jobs, look at them and stop them",
        (
            "run.executions.cancel", "run.executions.get", "run.jobs.create", "run.jobs.delete", "run.jobs.get",
            "run.jobs.list", "run.jobs.run", "run.operations.get", "run.tasks.list",
        ),
    ),
    "schedules": Power(
        "schedules of functions",
        (
            "cloudscheduler.jobs.create", "cloudscheduler.jobs.delete", "cloudscheduler.jobs.enable",
            "cloudscheduler.jobs.fullView", "cloudscheduler.jobs.get", "cloudscheduler.jobs.list",
            "cloudscheduler.jobs.pause", "cloudscheduler.jobs.update",
        ),
    ),
    "events": Power("queue events that nobody waits for", ("cloudtasks.tasks.create",)),
    "watches": Power(
        "have a function called for new objects",
        (
            "pubsub.subscriptions.create", "pubsub.subscriptions.delete", "pubsub.subscriptions.get",
            "pubsub.subscriptions.update", "pubsub.topics.attachSubscription",
        ),
    ),
    "secrets": Power(
        "secrets of the target",
        (
            "secretmanager.secrets.delete", "secretmanager.secrets.get", "secretmanager.versions.access",
            "secretmanager.versions.add", "secretmanager.versions.destroy", "secretmanager.versions.list",
        ),
    ),
    "keep": Power("make secrets, list them", ("secretmanager.secrets.create", "secretmanager.secrets.list")),
    "pull": Power("read images", ("artifactregistry.repositories.downloadArtifacts",)),
    "push": Power(
        "push images",
        (
            "artifactregistry.repositories.downloadArtifacts", "artifactregistry.repositories.uploadArtifacts",
            "artifactregistry.tags.create", "artifactregistry.tags.get", "artifactregistry.tags.list",
            "artifactregistry.versions.get",
        ),
    ),
    "act": Power("start what runs as this account", ("iam.serviceAccounts.actAs",)),
    "doctor": Power(
        "doctor: what is there",
        ("artifactregistry.repositories.get", "iam.serviceAccounts.get", "resourcemanager.projects.get",
         "serviceusage.services.get", "serviceusage.services.list"),
    ),
}  # fmt: skip
# Made and granted only where the target's settings ask for Batch.
BATCH_POWERS: dict[str, Power] = {
    "batch": Power(
        "start jobs of Batch, look at them and stop them",
        ("batch.jobs.create", "batch.jobs.delete", "batch.jobs.get", "batch.jobs.list", "batch.tasks.list"),
    ),
    "report": Power(
        "run tasks of Batch: tell how they go, write what they print",
        ("batch.states.report", "logging.logEntries.create"),
    ),
}


def powers(site: Site) -> dict[str, Power]:
    """Those of the target."""
    return {**POWERS, **BATCH_POWERS} if site.batch else POWERS


@dataclass(frozen=True)
class Grant:
    """`on` is one of BUCKET, PROJECT ...; `whom` the role whose account it is, where it is an ACCOUNT; `folders` of the
    bucket, () for all that is the target's; `why` stands in the binding's condition or in the reader's mind."""

    power: str
    on: str
    why: str
    folders: tuple[str, ...] = ()
    whom: str = ""


def roles(site: Site) -> dict[str, tuple[Grant, ...]]:
    """Role -> what its account is given, in the order of `names.ROLES`."""
    found = {
        "inference": _inference(), "drift-check": _drift_check(), "job": _job(), "retrain": _retrain(),
        "scheduler": (), "deployer": _deployer(),
    }  # fmt: skip
    more = _batch() if site.batch else {}
    return {role: found[role] + more.get(role, ()) for role in ROLES}


def _inference() -> tuple[Grant, ...]:
    """Answers requests: counts them into the bucket, and reads none of it but its own bundle and what is released:
    never what a model was trained on."""
    kept = ("profiles", "captures", "feedback", "service")
    released = ("journal/releases", "cache/journal/releases", "models", "signatures")
    return (
        Grant("read", BUCKET, "its bundle, what it wrote, released models", ("bundles", *kept, *released)),
        Grant("list", BUCKET, "what is not there is a 404: the release's next entry"),
        Grant("create", BUCKET, "counts, captured predictions and labels", kept),
    )


def _drift_check() -> tuple[Grant, ...]:
    """Reads a window, writes its report, tells people, asks for a retrain, moves a rollout on."""
    return (
        *_reads(),
        Grant("create", BUCKET, "reports, incidents, rollouts, what cannot be read, compacted counts",
              ("journal", "models", "reports", "deadletter", "profiles", "service")),
        Grant("replace", BUCKET, "pages, checkpoints, leases", ("pages", "cache", "leases")),
        Grant("remove", BUCKET, "counts and captures live as long as they may", ("profiles", "service", "captures")),
        Grant("tell", ALERTS, "alerts"),
        Grant("measure", PROJECT, "metrics"),
        Grant("jobs", PROJECT, "submits the retrain"),
        *_acts("retrain", "inference", "drift-check"),
        Grant("traffic", PROJECT, "a rollout's next step, and back"),
        *_schedules(),
    )  # fmt: skip


def _job() -> tuple[Grant, ...]:
    """Trains: runs a person's code, so it may write a run and what came of it, register that, and decide nothing."""
    return (
        *_reads(),
        Grant("create", BUCKET, "its run, the model and its files, its version", ("runs", "blobs", "journal/registry")),
        Grant("replace", BUCKET, "the registry's checkpoint", ("cache/journal/registry",)),
    )


def _retrain() -> tuple[Grant, ...]:
    """Ingests, trains (in a job of its own), registers, promotes and deploys what it promoted."""
    return (*_state(), *_jobs(), *_redeploys())


def _deployer() -> tuple[Grant, ...]:
    """A person or a pipeline with the command line."""
    return (
        *_state(),
        Grant("replace", BUCKET, "doctor, destroy, gc", ("doctor", "bundles", "captures", "profiles", "service")),
        *_jobs(),
        *_redeploys(),
        Grant("deploy", PROJECT, "makes and removes functions"),
        Grant("call", PROJECT, "invoke calls the endpoint"),
        Grant("events", PROJECT, "events that nobody waits for"),
        Grant("watches", PROJECT, "new data calls the drift check"),
        Grant("notify", BUCKET, "Cloud Storage tells of new data"),
        Grant("secrets", SECRETS, "secrets set, get and rm"),
        Grant("keep", PROJECT, "secrets ls, and the first value"),
        Grant("tell", ALERTS, "alerts"),
        Grant("measure", PROJECT, "metrics"),
        Grant("push", REPOSITORY, "image push"),
        Grant("doctor", PROJECT, "doctor"),
    )


def _reads() -> tuple[Grant, ...]:
    return (
        Grant("read", BUCKET, "the bucket is the database"),
        Grant("list", BUCKET, "listings; and what is not there is a 404"),
    )


def _state() -> tuple[Grant, ...]:
    """All that a command may write; the journal is created and never replaced."""
    return (
        *_reads(),
        Grant("create", BUCKET, "runs, models, releases, bundles"),
        Grant("replace", BUCKET, "caches, leases, pages, what the index of runs took over",
              ("cache", "leases", "pages", "tail")),
    )  # fmt: skip


def _jobs() -> tuple[Grant, ...]:
    return (
        Grant("jobs", PROJECT, "starts jobs"),
        *_acts("job"),
        Grant("log", PROJECT, "what jobs and functions print"),
    )


def _batch() -> dict[str, tuple[Grant, ...]]:
    """A machine of Batch works as the account of its job."""
    starts = Grant("batch", PROJECT, "starts jobs by Batch")
    runs = (
        Grant("report", PROJECT, "its machine tells Batch how the task goes, and writes its log"),
        Grant("pull", REPOSITORY, "its machine pulls the image"),
    )
    return {"drift-check": (starts,), "job": runs, "retrain": (starts, *runs), "deployer": (starts,)}


def _redeploys() -> tuple[Grant, ...]:
    """A new version of functions that are there."""
    return (
        Grant("traffic", PROJECT, "versions and traffic"),
        *_acts("inference", "drift-check"),
        Grant("pull", REPOSITORY, "Cloud Run asks whether who deploys may read the image"),
        *_schedules(),
    )


def _schedules() -> tuple[Grant, ...]:
    return (Grant("schedules", PROJECT, "the check's schedule, and a rollout's"), *_acts("scheduler"))


def _acts(*whom: str) -> tuple[Grant, ...]:
    return tuple(Grant("act", ACCOUNT, f"runs things as {role}", whom=role) for role in whom)


def condition(grant: Grant, site: Site) -> dict[str, str] | None:
    """Of the binding, as IAM takes it; None where it holds everywhere on the thing."""
    if grant.on == SECRETS:
        wanted = f'resource.name.startsWith("projects/{site.number}/secrets/{site.names.secret("")}")'
        return {"title": "secrets of this target", "expression": wanted}
    if grant.on != BUCKET or grant.power in {"list", "notify"} or not (grant.folders or site.prefix):
        return None
    places = (f'resource.name.startsWith("{place}")' for place in site.objects(*grant.folders))
    return {"title": grant.why[:100], "expression": " || ".join(places)}


@dataclass(frozen=True)
class Binding:
    """A role and its members on one thing. `role` is a power's name, or a predefined role in full."""

    on: str  # BUCKET, PROJECT ...; DATA is the topic of new data
    whom: str  # of an ACCOUNT
    role: str
    members: tuple[str, ...]  # roles whose accounts they are, or members in full
    condition: tuple[str, str] | None = None  # title, expression


def bindings(site: Site) -> tuple[Binding, ...]:
    """Every grant as IAM keeps it: what has one role and condition on one thing is one binding."""
    found: dict[tuple[str, str, str, tuple[str, str] | None], dict[str, None]] = {}
    for role, given in roles(site).items():
        for grant in given:
            said = condition(grant, site)
            held = (said["title"], said["expression"]) if said else None
            on = PROJECT if grant.on == SECRETS else grant.on
            found.setdefault((on, grant.whom, grant.power, held), {})[role] = None
    return tuple(Binding(on, whom, power, tuple(members), held) for (on, whom, power, held), members in found.items())
