"""Holds every request against the assignments, and refuses as each service does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.adapters.azure.client import ARM
from toolkit.adapters.azure.emulator import rbac_needs as needs
from toolkit.adapters.azure.emulator.rbac import Asked, object_id
from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.execution.http_messages import Request, Response, json_response

if TYPE_CHECKING:
    from toolkit.adapters.azure.emulator.site import Site

MISMATCH = (  # how Blob Storage refuses
    403,
    "AuthorizationPermissionMismatch",
    "This request is not authorized to perform this operation using this permission.",
)
SCM = ".scm.azurewebsites.net"
ALL, CREATE = "all", "create"


class Guard:
    """A resource that no operator made, which only a test uses, is everybody's."""

    def __init__(self, site: Site) -> None:
        self._rbac, self._site = site.resources.rbac, site

    def __call__(self, request: Request, caller: str) -> None:
        """Of all but blobs. Raises Refused."""
        host, _, path = request.path.lstrip("/").partition("/")
        path = f"/{path}"
        if host == ARM:
            self._arm(request.method, path, _body(request), caller)
        elif host.endswith(".vault.azure.net"):
            self._vault(request.method, path, host.partition(".")[0], caller)
        elif host.endswith(".eventgrid.azure.net"):
            self._topic(host.partition(".")[0], caller)
        elif host.endswith(".ingest.monitor.azure.com"):
            self._rule(path.split("/")[2], caller)
        elif host.endswith(SCM):
            self._deploy(host.removesuffix(SCM), caller)
        elif host == "api.loganalytics.io":
            self._workspace(path.split("/")[3], _body(request), caller)

    def blob(self, request: Request, caller: str, account: str) -> str:
        """How storage may be asked this: ALL, CREATE (where there is no such blob) or ""."""
        container = request.path.removeprefix(f"/{account}/").partition("/")[0]
        found = self._site.resources.ids(f"/storageaccounts/{account}/blobservices/default/containers/{container}")
        if not found:
            return ALL
        wanted = [one for where in found for one in needs.blob(request, account, where)]
        wanted.sort(key=lambda one: one.action.endswith(needs.ADD))
        allowed = self._rbac.first(caller, wanted)
        if allowed is None:
            return ""
        return CREATE if allowed.action.endswith(needs.ADD) and needs.makes_a_blob(request) else ALL

    def pulls(self, identity: str, registry: str) -> bool:
        """Whether an identity may read the registry's images."""
        found = self._site.resources.ids(f"/microsoft.containerregistry/registries/{registry}")
        return not self._refused(
            identity, [Asked("Microsoft.ContainerRegistry/registries/pull/read", one) for one in found]
        )

    def _arm(self, method: str, path: str, body: Any, caller: str) -> None:
        own = needs.arm(method, path)
        if own is None:
            return
        who = object_id(caller)
        if self._rbac.missing(caller, [own]):
            words = (
                f"The client '{who}' with object id '{who}' does not have authorization to perform action "
                f"'{own.action}' over scope '{own.scope}' or the scope is invalid. If access was recently granted, "
                "please refresh your credentials."
            )
            raise Refused(403, "AuthorizationFailed", words)
        wanted = needs.linked(body) if method in {"PUT", "PATCH"} else ()
        if missing := self._rbac.missing(caller, wanted):
            words = (
                f"The client '{who}' with object id '{who}' has permission to perform action '{own.action}' on scope "
                f"'{own.scope}'; however, it does not have permission to perform action(s) '{missing.action}' on the "
                f"linked scope(s) '{missing.scope}' (respectively) or the linked scope(s) are invalid."
            )
            raise Refused(403, "LinkedAuthorizationFailed", words)

    def _vault(self, method: str, path: str, vault: str, caller: str) -> None:
        found = self._site.resources.ids(f"/microsoft.keyvault/vaults/{vault}")
        wanted = [needs.secret(method, path, one) for one in found]
        if not self._refused(caller, wanted):
            return
        words = (
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role "
            f"definitions were changed recently, please observe propagation time.\r\nCaller: oid={object_id(caller)}"
            f"\r\nAction: '{wanted[0].action}'\r\nResource: '{wanted[0].scope}'\r\nAssignment: (not found)\r\n"
            f"DenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {vault};location=westeurope\r\n"
        )
        raise _Told(403, {"code": "Forbidden", "message": words, "innererror": {"code": "ForbiddenByRbac"}})

    def _topic(self, name: str, caller: str) -> None:
        topic = self._site.grid.topics.get(name)
        if topic and self._refused(caller, [Asked("Microsoft.EventGrid/events/send/action", topic["id"], data=True)]):
            words = (
                "The principal associated with access token presented with the incoming request does not have "
                f"permission to send data to {topic['id']}."
            )
            raise Refused(403, "Forbidden", words)

    def _rule(self, immutable: str, caller: str) -> None:
        found = self._site.resources.where("immutableId", immutable)
        if self._refused(caller, [Asked("Microsoft.Insights/Telemetry/Write", one, data=True) for one in found]):
            words = (
                "The authentication token provided does not have access to ingest data for the data collection rule "
                f"with immutable Id '{immutable}'."
            )
            raise Refused(403, "OperationFailed", words)

    def _workspace(self, customer: str, body: Any, caller: str) -> None:
        found = self._site.resources.where("customerId", customer)
        if found and self._rbac.missing(caller, needs.query(body, found[0])):
            words = "The provided credentials have insufficient access to perform the requested operation"
            raise Refused(403, "InsufficientAccessError", words)

    def _deploy(self, site: str, caller: str) -> None:
        found = self._site.sites.resource(site)
        if found and self._rbac.missing(caller, [Asked("Microsoft.Web/sites/publish/action", found)]):
            raise Refused(403, "Forbidden", "")

    def _refused(self, caller: str, wanted: Sequence[Asked]) -> bool:
        """Of a thing that may be in several groups here, one is enough; a thing that is in none is everybody's."""
        return bool(wanted) and self._rbac.first(caller, wanted) is None


class _Told(Refused):
    """With more in its body than a code and a message."""

    def __init__(self, status: int, error: dict[str, Any]) -> None:
        super().__init__(status, error["code"], error["message"])
        self._error = error

    @property
    def response(self) -> Response:
        return json_response(self.status, {"error": self._error})


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body) if request.body else None
    except ValueError:
        return None
