"""Which actions a request needs, by its method, path and body: of Azure Resource Manager, of Key Vault, of Log
Analytics, of a blob.

ARM's are worked out of the path: `PUT .../containerApps/a` is Microsoft.App/containerApps/write on that app, a list is
a read of what holds it. What a body links to (an identity to run as, an environment to run in) needs an action there.
Looking at a change that was begun needs none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from toolkit.adapters.azure.emulator.rbac import Asked
from toolkit.execution.http_messages import Request

_VERBS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
_NAMED = {  # where Azure's operation is called otherwise than its path
    "microsoft.app/jobs/executions/stop/action": "Microsoft.App/jobs/stop/execution/action",
    "microsoft.app/jobs/executions/read (one)": "Microsoft.App/jobs/execution/read",
}
_GROUPS = "Microsoft.Resources/subscriptions/resourceGroups"
_PENDING = ("locations", "operationresults")
_LINKED = {
    "environmentId": "Microsoft.App/managedEnvironments/join/action",
    "serverFarmId": "Microsoft.Web/serverfarms/join/action",
    "workspaceId": "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
}
_ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
ADD = "/blobs/add/action"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers"


def arm(method: str, path: str) -> Asked | None:
    """What a request of ARM needs; None where it needs nothing."""
    path = path.rstrip("/")
    above, provider, tail = path.rpartition("/providers/")
    if not provider:
        kind = path.split("/")[3:4]
        return None if kind and kind[0].lower() in _PENDING else Asked(f"{_GROUPS}/{_VERBS[method]}", path)
    name, *steps = tail.split("/")
    if steps[0].lower() in _PENDING:
        return None
    types, whole = "/".join([name, *steps[::2]]), len(steps) % 2 == 0
    resource = path if whole else path.rpartition("/")[0]
    if method == "POST":
        return Asked(_called(f"{types}/action"), resource)
    if not whole and len(steps) == 1:
        resource = above
    action = f"{types}/{_VERBS[method]}"
    return Asked(_called(f"{action} (one)" if whole and method == "GET" else action), resource)


def _called(action: str) -> str:
    return _NAMED.get(action.lower(), action.removesuffix(" (one)"))


def linked(body: Any) -> Iterator[Asked]:
    """What a body of ARM's refers to and has to be allowed there."""
    for identity in _within(_within(body, "identity"), "userAssignedIdentities"):
        yield Asked(_ASSIGN, str(identity))
    for key, value in _within(body, "properties").items():
        if key in _LINKED and isinstance(value, str):
            yield Asked(_LINKED[key], value)


def _within(body: Any, key: str) -> dict[str, Any]:
    """{} where there is none, or something else: whoever reads the body refuses it."""
    found = body.get(key) if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def secret(method: str, path: str, vault: str) -> Asked:
    """Of Key Vault; `path` begins with /secrets or /deletedsecrets, `vault` is its id."""
    kind, _, rest = path.strip("/").partition("/")
    name, _, more = rest.partition("/")
    if kind == "secrets":
        read = "getSecret" if name and more != "versions" else "readMetadata"
        verb = {"GET": read, "PUT": "setSecret", "PATCH": "update", "DELETE": "delete"}[method]
    else:
        verb = {"GET": "readMetadata", "POST": "recover", "DELETE": "purge"}[method]
    scope = f"{vault}/secrets/{name}" if name else vault
    return Asked(f"Microsoft.KeyVault/vaults/secrets/{verb}/action", scope, data=True)


def query(body: Any, workspace: str) -> Iterator[Asked]:
    """Of Log Analytics: to ask at all, and for the table. Tables of one's own are one."""
    base = "Microsoft.OperationalInsights/workspaces"
    asked = body.get("query") if isinstance(body, dict) else ""
    table = str(asked).strip().partition(" ")[0]
    yield Asked(f"{base}/read", workspace)
    yield Asked(f"{base}/query/read", workspace)
    yield Asked(f"{base}/query/{'Tables.Custom' if table.endswith('_CL') else table}/read", workspace)


def blob(request: Request, account: str, container_id: str) -> tuple[Asked, ...]:
    """Of Blob Storage: one of these is needed. `container_id` is the container's id."""
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    _, _, name = request.path.removeprefix(f"/{account}/").partition("/")
    path, method, part = unquote(name), request.method, query.get("comp", "")
    if not path and query.get("restype") == "container" and part != "list":
        return (Asked(f"{BLOBS}/{_VERBS.get(method, 'read')}", container_id),)

    def on(verb: str) -> Asked:
        scope = f"{container_id}/blobs/{path}" if path else container_id
        return Asked(f"{BLOBS}/blobs/{verb}", scope, data=True, path=path or None)

    if method in {"GET", "HEAD"}:
        return (on("tags/read" if part == "tags" else "read"),)
    if method == "DELETE":
        return (on("delete"),)
    if method == "PUT" and part in {"", "snapshot", "appendblock"}:
        return on("write"), on("add/action")
    return (on("tags/write" if part == "tags" else "write"),)


def makes_a_blob(request: Request) -> bool:
    """Put Blob: `add/action` is enough for one that is not there yet."""
    query: Mapping[str, str] = dict(parse_qsl(request.query))
    return request.method == "PUT" and not query.get("comp") and not query.get("restype")
