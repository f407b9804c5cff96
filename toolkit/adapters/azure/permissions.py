"""What the actions of a plan need, in the words of Azure's role definitions. A test holds every name against what the
deployer is given (`grants`)."""

from __future__ import annotations

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_APPS = "Microsoft.App/containerApps"
_JOBS = "Microsoft.App/jobs"
_RUNS = (
    "Microsoft.App/managedEnvironments/join/action", "Microsoft.App/managedEnvironments/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
)  # fmt: skip
_FUNCTION = (*_RUNS, f"{_APPS}/read", f"{_APPS}/revisions/read", f"{_APPS}/write")
_ROUTE = (f"{_APPS}/authConfigs/read", f"{_APPS}/authConfigs/write", f"{_APPS}/read", f"{_APPS}/write")
_SCHEDULE = (*_RUNS, f"{_APPS}/read", f"{_JOBS}/read", f"{_JOBS}/write")
_WATCH = (
    f"{_APPS}/read", "Microsoft.EventGrid/eventSubscriptions/read", "Microsoft.EventGrid/eventSubscriptions/write",
    "Microsoft.Storage/storageAccounts/write",
)  # fmt: skip
TABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("bundle", "create"): (f"{_BLOBS}/add/action", f"{_BLOBS}/read"),
    ("bundle", "delete"): (f"{_BLOBS}/delete", f"{_BLOBS}/read"),
    ("function", "create"): _FUNCTION,
    ("function", "update"): (*_FUNCTION, f"{_APPS}/revisions/deactivate/action"),
    ("function", "delete"): (f"{_APPS}/delete", f"{_APPS}/read", f"{_JOBS}/delete"),
    ("route", "create"): _ROUTE,
    ("route", "update"): _ROUTE,
    ("schedule", "create"): _SCHEDULE,
    ("schedule", "update"): _SCHEDULE,
    ("schedule", "delete"): (f"{_JOBS}/delete", f"{_JOBS}/read"),
    ("watch", "create"): _WATCH,
    ("watch", "update"): _WATCH,
    ("watch", "delete"): ("Microsoft.EventGrid/eventSubscriptions/delete",),
}


def of(kind: str, verb: str) -> tuple[str, ...]:
    return tuple(sorted(TABLE.get((kind, verb), ())))
