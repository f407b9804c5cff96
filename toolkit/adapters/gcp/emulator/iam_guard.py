"""What a service account may do: every call is held against the policies, as Google does, once the project has one.

The permission of a call is in its path: `DELETE .../services/s` is run.services.delete. What runs as an account may be
started only by who may act as it. The operator owns the project; a project without a policy, which only a test has,
lets everybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from toolkit.adapters.gcp.emulator.iam_policies import NUMBER, Iam
from toolkit.adapters.gcp.emulator.identity import OPERATOR
from toolkit.adapters.gcp.emulator.refused import Refused
from toolkit.execution.http_messages import Request

ACT = "iam.serviceAccounts.actAs"
_VERBS = {"POST": "create", "PUT": "create", "PATCH": "update", "DELETE": "delete"}
_OTHER = {
    ("batch", "cancel"): "jobs.delete",  # IAM has no batch.jobs.cancel
    ("cloudscheduler", "resume"): "jobs.enable", ("pubsub", "pull"): "subscriptions.consume",
    ("pubsub", "acknowledge"): "subscriptions.consume", ("secretmanager", "addVersion"): "versions.add",
    ("serviceusage", "batchGet"): "services.get", ("serviceusage", "batchEnable"): "services.enable",
}  # fmt: skip
_NAMED = {"cloudresourcemanager": "resourcemanager"}
_FREE = {"testIamPermissions", "generateIdToken", "generateAccessToken"}  # asked elsewhere, or of nobody
_STARTS = {"startExecutionToken", "runExecutionToken"}  # a job that is started with the request that makes it
_PROJECTS = {"logging": "logEntries", "monitoring": "timeSeries"}


class Guard:
    def __init__(self, iam: Iam) -> None:
        self._iam = iam

    def __call__(self, request: Request, caller: str) -> None:
        """Raises Refused."""
        if caller == OPERATOR:
            return
        body = _body(request)
        host, _, path = request.path.lstrip("/").partition("/")
        service, path = host.partition(".")[0], path.partition("/")[2]
        project = _project(service, path, body)
        if f"projects/{project}" not in self._iam.policies:
            return
        for permission in permissions(service, request.method, path, body):
            self._require(caller, permission, project, path.partition(":")[0])
        for account in _accounts(body):
            self._require(caller, ACT, project, f"projects/{project}/serviceAccounts/{account}")

    def _require(self, caller: str, permission: str, project: str, resource: str) -> None:
        name = resource.replace(f"projects/{project}/secrets/", f"projects/{NUMBER}/secrets/")
        if not self._iam.allows(caller, permission, [f"projects/{project}", resource], name):
            raise Refused("PERMISSION_DENIED", f"Permission '{permission}' denied on resource '{resource}'.")


def permissions(service: str, method: str, path: str, body: Any) -> Iterator[str]:
    """What a call needs."""
    plain, _, custom = path.partition(":")
    steps = plain.split("/")
    if custom in _FREE or service in {"www"} or (service == "serviceusage" and steps[0] == "operations"):
        return
    if service in _PROJECTS:
        yield f"{service}.{_PROJECTS[service]}.{'list' if custom == 'list' or method == 'GET' else 'create'}"
        return
    own, whole = _NAMED.get(service, service), len(steps) % 2 == 0
    collection = steps[-2] if whole else steps[-1]
    if (service, custom) in _OTHER:
        yield f"{own}.{_OTHER[service, custom]}"
    elif custom:
        yield f"{own}.{collection}.{custom}"
    elif method == "GET":
        yield f"{own}.{collection}.{'get' if whole else 'list'}"
    else:
        yield f"{own}.{collection}.{_VERBS[method]}"
    if service == "run" and method == "POST" and isinstance(body, dict) and _STARTS & set(body):
        yield "run.jobs.run"
    if service == "pubsub" and method == "PUT" and collection == "subscriptions":
        yield "pubsub.topics.attachSubscription"


def _project(service: str, path: str, body: Any) -> str:
    if service == "logging" and isinstance(body, dict):
        named = [*body.get("resourceNames", ()), *(str(one.get("logName", "")) for one in body.get("entries", ()))]
        path = str(named[0]) if named else ""
    steps = path.split("/")
    return steps[1].partition(":")[0] if steps[0] == "projects" and len(steps) > 1 else ""


def _accounts(value: Any) -> Iterator[str]:
    """As whom something of the body runs or calls."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"serviceAccount", "serviceAccountEmail"} and isinstance(inner, str):
                yield inner
            elif key == "serviceAccount" and isinstance(inner, dict):  # Batch's
                yield str(inner.get("email", ""))
            else:
                yield from _accounts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _accounts(inner)


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body) if request.body else None
    except ValueError:
        return None
