"""The methods of Container Apps and what they need beside them, with the models of Azure's SDK that requests fit."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from toolkit.adapters.azure.emulator.arm_room import GROUP, id_of
from toolkit.adapters.azure.emulator.containerapps import APPS, ENVIRONMENTS, VERSION
from toolkit.adapters.azure.emulator.jobs import JOBS
from toolkit.adapters.azure.emulator.operations import HOST, RESULT, STATUS
from toolkit.adapters.azure.emulator.rest import Call, Handler, Method, Reply

if TYPE_CHECKING:
    from toolkit.adapters.azure.emulator.site import Site

IDENTITY_VERSION = "2024-11-30"
IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"


def methods(site: Site) -> tuple[Method, ...]:
    from azure.mgmt.appcontainers import models

    apps, jobs = site.apps, site.jobs
    app, job = f"{APPS}/{{app}}", f"{JOBS}/{{job}}"
    return (
        _arm("PUT", f"{ENVIRONMENTS}/{{environment}}", apps.put_environment, models.ManagedEnvironment),
        _arm("GET", f"{ENVIRONMENTS}/{{environment}}", apps.get_environment),
        _arm("DELETE", f"{ENVIRONMENTS}/{{environment}}", apps.delete_environment),
        _arm("PUT", app, apps.put, models.ContainerApp),
        _arm("PATCH", app, apps.patch, models.ContainerApp, patch=True),
        _arm("GET", app, apps.get),
        _arm("DELETE", app, apps.delete),
        _arm("GET", APPS, apps.list, query=("$skiptoken",)),
        _arm("GET", f"{app}/revisions", apps.revisions, query=("$skiptoken", "$filter")),
        _arm("GET", f"{app}/revisions/{{revision}}", apps.revision),
        _arm("POST", f"{app}/revisions/{{revision}}/deactivate", apps.deactivate),
        _arm("POST", f"{app}/revisions/{{revision}}/activate", apps.activate),
        _arm("PUT", f"{app}/authConfigs/{{config}}", apps.put_guard, models.AuthConfig),
        _arm("GET", f"{app}/authConfigs/{{config}}", apps.get_guard),
        _arm("PUT", job, jobs.put, models.Job),
        _arm("PATCH", job, jobs.patch, models.JobPatchProperties, patch=True),
        _arm("GET", job, jobs.get),
        _arm("DELETE", job, jobs.delete),
        _arm("GET", JOBS, jobs.list, query=("$skiptoken",)),
        _arm("POST", f"{job}/start", jobs.start, models.JobExecutionTemplate, optional=True),
        _arm("GET", f"{job}/executions", jobs.executions, query=("$skiptoken", "$filter")),
        _arm("GET", f"{job}/executions/{{execution}}", jobs.execution),
        _arm("POST", f"{job}/executions/{{execution}}/stop", jobs.stop),
        Method("GET", HOST, f"{GROUP}/providers/{IDENTITIES}/{{identity}}", identity, versions=(IDENTITY_VERSION,)),
        Method("GET", HOST, STATUS, apps.operations.status, versions=(VERSION,)),
        Method("GET", HOST, RESULT, apps.operations.result, versions=(VERSION,)),
    )


def _arm(verb: str, path: str, handler: Handler, body: Any = None, *, patch: bool = False, **more: Any) -> Method:
    return Method(verb, HOST, f"{GROUP}/providers/{path}", handler, body, versions=(VERSION,), patch=patch, **more)


def identity(call: Call) -> Reply:
    """An identity of the group, which an operator made: there is one for every name."""
    name = id_of(call, IDENTITIES, call.path["identity"])
    own = {
        "clientId": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "principalId": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
    }
    return Reply(
        {"id": name, "name": call.path["identity"], "type": IDENTITIES, "location": "westeurope", "properties": own}
    )
