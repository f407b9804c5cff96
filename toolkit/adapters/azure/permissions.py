"""What the actions of a plan need, in the words of Azure's role definitions. A test holds every name against what the
deployer is given (`grants`)."""

from __future__ import annotations

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
_APPS = "Microsoft.App/containerApps"
_JOBS = "Microsoft.App/jobs"
_RUNS = (
    "Microsoft.App/managedEnvironments/join/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
)  # fmt: skip
_FUNCTION = (*_RUNS, f"{_APPS}/read", f"{_APPS}/revisions/read", f"{_APPS}/write")
_ROUTE = (f"{_APPS}/authConfigs/read", f"{_APPS}/authConfigs/write", f"{_APPS}/read", f"{_APPS}/write")
_SCHEDULE = (*_RUNS, f"{_APPS}/read", f"{_JOBS}/read", f"{_JOBS}/write")
_WATCH = (
    f"{_APPS}/read", "Microsoft.EventGrid/eventSubscriptions/read", "Microsoft.EventGrid/eventSubscriptions/write",
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


_SITES, _PLANS = "Microsoft.Web/sites", "Microsoft.Web/serverfarms"
_LOOK = (f"{_SITES}/config/list/action", f"{_SITES}/read")
_SET = (*_LOOK, f"{_SITES}/config/write", f"{_SITES}/syncfunctiontriggers/action")
_IDENTITY = ("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
             "Microsoft.ManagedIdentity/userAssignedIdentities/read")  # fmt: skip
_RECORD = (f"{_BLOBS}/add/action", f"{_BLOBS}/read")
_SITE = (
    *_IDENTITY, *_RECORD, "Microsoft.Insights/diagnosticSettings/write", "Microsoft.Resources/tags/write",
    "Microsoft.OperationalInsights/workspaces/sharedKeys/action", f"{_PLANS}/join/action", f"{_PLANS}/read",
    f"{_PLANS}/write", f"{_SITES}/config/write", f"{_SITES}/read", f"{_SITES}/write",
)  # fmt: skip
_DEPLOY = (
    *_IDENTITY, *_SET, f"{_BLOBS}/read", "Microsoft.Resources/tags/write", f"{_PLANS}/join/action",
    f"{_SITES}/publish/action", f"{_SITES}/write",
)  # fmt: skip
_TIMER = (*_SET, *_RECORD, f"{_BLOBS}/write")
_SITE_WATCH = (f"{_SITES}/read", *(one for one in _WATCH if not one.startswith(_APPS)))
SITES_TABLE: dict[tuple[str, str], tuple[str, ...]] = {
    **TABLE,
    ("function", "create"): _SITE,
    ("function", "update"): (*_SITE, f"{_BLOBS}/write"),
    ("function", "delete"): (
        f"{_BLOBS}/delete", f"{_BLOBS}/read", f"{_PLANS}/delete", f"{_SITES}/delete", f"{_SITES}/read",
        f"{_JOBS}/delete",
    ),
    ("route", "create"): _DEPLOY,
    ("route", "update"): _DEPLOY,
    ("schedule", "create"): _TIMER,
    ("schedule", "update"): _TIMER,
    ("schedule", "delete"): (*_SET, f"{_BLOBS}/delete", f"{_BLOBS}/read"),
    ("watch", "create"): _SITE_WATCH,
    ("watch", "update"): _SITE_WATCH,
}  # fmt: skip


def of(kind: str, verb: str) -> tuple[str, ...]:
    return tuple(sorted(set(TABLE.get((kind, verb), ()))))


def of_sites(kind: str, verb: str) -> tuple[str, ...]:
    """With `functions = "functions"`."""
    return tuple(sorted(set(SITES_TABLE.get((kind, verb), ()))))
