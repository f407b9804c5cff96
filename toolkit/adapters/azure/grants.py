"""Who may do what: the one source of role definitions and assignments. Pure data; bootstrap, the template and
`export iam` render it.

A power is a custom role definition: actions and data actions named one by one, no wildcard, and why. A grant gives a
power to a role's identity on one resource; on the container, within some folders of it, by a condition on the blob's
path (Azure's attribute-based access control).

- The journal is create-only for everybody here: `blobs/add/action` makes a blob that is not there, `blobs/write`
  replaces one, and no power that has the latter or `blobs/delete` is granted on journal/. Who owns the subscription may
  still delete; what was deleted stays for the days of the account's soft delete.
- Blocks of a blob are `blobs/write`, too: who may only create sends a file in one request (`store`).
- Listing blobs is `blobs/read` too: a condition on paths leaves listings out.
- Container apps, function apps and jobs are reached in the target's resource group, which is the wall between targets.

With `functions = "functions"` whoever could change container apps may change function apps instead. What runs in these
also is their host: it takes leases and keeps the times of timers and its keys in two containers of Azure's own names
(`AzureWebJobsStorage`), and writes and reads its package in a third, one for each identity: who could write another's
package would become it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.adapters.azure.names import ROLES

_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_BLOBS = f"{_CONTAINERS}/blobs"
_SITES, _PLANS = "Microsoft.Web/sites", "Microsoft.Web/serverfarms"
_APPS = "Microsoft.App/containerApps"
_JOBS = "Microsoft.App/jobs"
CONTAINER, GROUP, TOPIC, RULE, VAULT, REGISTRY, WORKSPACE = (
    "container", "group", "topic", "rule", "vault", "registry", "workspace",
)  # fmt: skip
HOSTS, KEYS, PACKAGES = "hosts", "keys", {"inference": "packages", "drift-check": "drift-check-packages"}


@dataclass(frozen=True)
class Power:
    title: str
    actions: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


POWERS: dict[str, Power] = {
    "read": Power("read and list blobs", data=(f"{_BLOBS}/read",)),
    "create": Power("write blobs that are not there yet", data=(f"{_BLOBS}/add/action",)),
    "overwrite": Power("write blobs over others", data=(f"{_BLOBS}/write",)),
    "replace": Power("write blobs over others, and remove them", data=(f"{_BLOBS}/delete", f"{_BLOBS}/write")),
    "remove": Power("remove blobs", data=(f"{_BLOBS}/delete",)),
    "tell": Power("publish alerts", data=("Microsoft.EventGrid/events/send/action",)),
    "measure": Power("send metrics", data=("Microsoft.Insights/Telemetry/Write",)),
    "log": Power(
        "read what functions, jobs and metrics wrote",
        (
            "Microsoft.OperationalInsights/workspaces/query/Tables.Custom/read",
            "Microsoft.OperationalInsights/workspaces/query/read",
            "Microsoft.OperationalInsights/workspaces/read",
        ),
    ),
    "log-sites": Power(
        "read what function apps, jobs and metrics wrote",
        (
            "Microsoft.OperationalInsights/workspaces/query/FunctionAppLogs/read",
            "Microsoft.OperationalInsights/workspaces/query/Tables.Custom/read",
            "Microsoft.OperationalInsights/workspaces/query/read",
            "Microsoft.OperationalInsights/workspaces/read",
        ),
    ),
    "traffic": Power(
        "move traffic between versions, publish a version",
        (
            f"{_APPS}/authConfigs/read", f"{_APPS}/authConfigs/write", f"{_APPS}/read",
            f"{_APPS}/revisions/read", f"{_APPS}/write", "Microsoft.App/managedEnvironments/join/action",
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        ),
    ),
    "remove-apps": Power(
        "remove functions and versions of them", (f"{_APPS}/delete", f"{_APPS}/revisions/deactivate/action")
    ),
    "sites": Power(
        "make and change function apps, deploy to them, set their timers",
        (
            "Microsoft.Insights/diagnosticSettings/read", "Microsoft.Insights/diagnosticSettings/write",
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            "Microsoft.ManagedIdentity/userAssignedIdentities/read", "Microsoft.Resources/tags/read",
            "Microsoft.Resources/tags/write", f"{_PLANS}/join/action", f"{_PLANS}/read", f"{_PLANS}/write",
            f"{_SITES}/config/list/action", f"{_SITES}/config/read", f"{_SITES}/config/write",
            f"{_SITES}/publish/action", f"{_SITES}/read", f"{_SITES}/syncfunctiontriggers/action", f"{_SITES}/write",
        ),
    ),
    "remove-sites": Power("remove functions", (f"{_PLANS}/delete", f"{_SITES}/delete")),
    "connect": Power(
        "have a function's logs sent to the workspace",
        (
            "Microsoft.OperationalInsights/workspaces/read",
            "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
        ),
    ),
    "host": Power(
        "run the host of functions: leases, times of timers, keys, packages",
        (f"{_CONTAINERS}/read", f"{_CONTAINERS}/write"),
        (f"{_BLOBS}/add/action", f"{_BLOBS}/delete", f"{_BLOBS}/read", f"{_BLOBS}/write"),
    ),
    "jobs": Power(
        "make, start and look at jobs, which schedules are too",
        (
            f"{_JOBS}/delete", f"{_JOBS}/executions/read", f"{_JOBS}/read", f"{_JOBS}/start/action", f"{_JOBS}/write",
            "Microsoft.App/managedEnvironments/join/action",
            "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
            "Microsoft.ManagedIdentity/userAssignedIdentities/read",
        ),
    ),
    "stop-jobs": Power("stop jobs", (f"{_JOBS}/stop/execution/action",)),
    "watches": Power(
        "have a function called for new blobs",
        (
            "Microsoft.EventGrid/eventSubscriptions/delete", "Microsoft.EventGrid/eventSubscriptions/read",
            "Microsoft.EventGrid/eventSubscriptions/write",
        ),
    ),
    "secrets": Power(
        "secrets of the target",
        data=tuple(
            f"Microsoft.KeyVault/vaults/secrets/{verb}/action"
            for verb in ("delete", "getSecret", "purge", "readMetadata", "recover", "setSecret", "update")
        ),
    ),
    "pull": Power("read images", ("Microsoft.ContainerRegistry/registries/pull/read",)),
    "push": Power(
        "push images",
        ("Microsoft.ContainerRegistry/registries/pull/read", "Microsoft.ContainerRegistry/registries/push/write"),
    ),
    "doctor": Power(
        "doctor: what is there",
        (
            "Microsoft.App/managedEnvironments/read", "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Storage/storageAccounts/blobServices/read", "Microsoft.Storage/storageAccounts/read",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Grant:
    """`on` is one of CONTAINER, GROUP ...; `folders` of the container, () for all of it."""

    power: str
    on: str
    why: str
    folders: tuple[str, ...] = ()


def roles(functions: str = "containerapps") -> dict[str, tuple[Grant, ...]]:
    """Role -> what its identity is given, in the order of `names.ROLES`; then a person or a pipeline, who deploys.
    `functions` is the target's setting."""
    found = {
        "inference": _inference(), "drift-check": _drift_check(), "job": _job(), "retrain": _retrain(),
        "scheduler": _scheduler(), "deployer": _deployer(),
    }  # fmt: skip
    apps = functions == "functions"
    given = {role: _on_sites(role, found[role]) if apps else found[role] for role in (*ROLES, "deployer")}
    return {role: _joined(one) for role, one in given.items()}


def _on_sites(role: str, given: tuple[Grant, ...]) -> tuple[Grant, ...]:
    """The same where functions are function apps."""
    instead = {"traffic": "sites", "remove-apps": "remove-sites", "log": "log-sites"}
    found = [replace(one, power=instead.get(one.power, one.power)) for one in given]
    if role in PACKAGES:  # a function app runs in no image
        found = [one for one in found if one.power != "pull"]
        host = {HOSTS: "leases, and the times of its timers", KEYS: "its host's keys", PACKAGES[role]: "its package"}
        found += [Grant("host", on, why) for on, why in host.items()]
    if any(one.power == "sites" for one in found):
        found.append(Grant("connect", WORKSPACE, "logs of the functions that it makes"))
    if role in {"retrain", "deployer"}:
        kept = ("azure-functions", "azure-timers")
        found.append(Grant("replace", CONTAINER, "versions that are gone, schedules", kept))
    elif role == "drift-check":
        for power in ("create", "replace"):
            found.append(Grant(power, CONTAINER, "the schedule of a rollout", ("azure-timers",)))
    return tuple(found)


def _joined(given: tuple[Grant, ...]) -> tuple[Grant, ...]:
    """Azure keeps one assignment of a role for an identity on a resource, with one condition."""
    found: dict[tuple[str, str], Grant] = {}
    for one in given:
        if before := found.get((one.power, one.on)):
            folders = (*before.folders, *one.folders) if before.folders and one.folders else ()
            one = replace(one, why=f"{before.why}; {one.why}", folders=folders)
        found[one.power, one.on] = one
    return tuple(found.values())


def _inference() -> tuple[Grant, ...]:
    """Answers requests: counts them into the container, and reads none of it but its own bundle and what is released:
    never what a model was trained on."""
    kept = ("profiles", "captures", "feedback", "service")
    released = ("journal/releases", "cache/journal/releases", "models", "signatures")
    return (
        Grant("read", CONTAINER, "its bundle, what it wrote, released models", ("bundles", *kept, *released)),
        Grant("create", CONTAINER, "counts, captured predictions and labels", kept),
        Grant("pull", REGISTRY, "the image that it runs in"),
    )


def _drift_check() -> tuple[Grant, ...]:
    """Reads a window, writes its report, tells people, asks for a retrain, moves a rollout on."""
    return (
        Grant("read", CONTAINER, "the container is the database"),
        Grant("create", CONTAINER, "reports, incidents, rollouts, what cannot be read, compacted counts",
              ("journal", "models", "reports", "deadletter", "profiles", "service")),
        Grant("overwrite", CONTAINER, "pages, checkpoints, leases", ("pages", "cache", "leases")),
        Grant("remove", CONTAINER, "counts and captures live as long as they may", ("profiles", "service", "captures")),
        Grant("tell", TOPIC, "alerts"),
        Grant("measure", RULE, "metrics"),
        Grant("jobs", GROUP, "submits the retrain, schedules"),
        Grant("traffic", GROUP, "a rollout's next step, and back"),
        Grant("pull", REGISTRY, "the image that it runs in"),
    )  # fmt: skip


def _job() -> tuple[Grant, ...]:
    """Trains: runs a person's code, so it may write a run and what came of it, register that, and decide nothing."""
    return (
        Grant("read", CONTAINER, "the container is the database"),
        Grant("create", CONTAINER, "its run, the model and its files, its version",
              ("runs", "blobs", "journal/registry")),
        Grant("overwrite", CONTAINER, "the registry's checkpoint", ("cache/journal/registry",)),
        Grant("pull", REGISTRY, "the image that it runs in"),
    )  # fmt: skip


def _retrain() -> tuple[Grant, ...]:
    """Ingests, trains (in a job of its own), registers, promotes and deploys what it promoted."""
    return (*_state(), *_runs(), Grant("pull", REGISTRY, "the image that it runs in"))


def _scheduler() -> tuple[Grant, ...]:
    """Hands events to functions, with a token that Entra gives it."""
    return (Grant("pull", REGISTRY, "the image that it runs in"),)


def _deployer() -> tuple[Grant, ...]:
    """A person or a pipeline with the command line."""
    return (
        *_state(),
        Grant(
            "replace",
            CONTAINER,
            "pages, doctor, destroy, gc",
            ("pages", "doctor", "bundles", "captures", "profiles", "service"),
        ),
        *_runs(),
        Grant("remove-apps", GROUP, "removes functions"),
        Grant("watches", GROUP, "new data calls the drift check"),
        Grant("secrets", VAULT, "secrets set, get, ls and rm"),
        Grant("tell", TOPIC, "alerts"),
        Grant("measure", RULE, "metrics"),
        Grant("push", REGISTRY, "image push"),
        Grant("doctor", GROUP, "doctor"),
    )


def _state() -> tuple[Grant, ...]:
    """All that a command may write; the journal is created and never replaced."""
    return (
        Grant("read", CONTAINER, "the container is the database"),
        Grant("create", CONTAINER, "runs, models, releases, bundles"),
        Grant("replace", CONTAINER, "caches, leases, what the index of runs took over",
              ("cache", "leases", "tail")),
    )  # fmt: skip


def _runs() -> tuple[Grant, ...]:
    return (
        Grant("jobs", GROUP, "starts jobs, schedules"),
        Grant("stop-jobs", GROUP, "a job that is cancelled"),
        Grant("traffic", GROUP, "versions and traffic"),
        Grant("log", WORKSPACE, "what jobs and functions print"),
    )


def condition(grant: Grant, prefix: str) -> str:
    """Of the assignment, as Azure takes it; "" where it holds everywhere on the resource."""
    if not grant.folders:
        return ""
    base = f"{prefix}/" if prefix else ""
    paths = " OR ".join(f"@Resource[{_BLOBS}:path] StringLike '{base}{folder}/*'" for folder in grant.folders)
    others = " AND ".join(f"!(ActionMatches{{'{action}'}})" for action in POWERS[grant.power].data)
    return f"(({others}) OR ({paths}))"
