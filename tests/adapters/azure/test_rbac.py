"""Role assignments as the emulator holds requests against them: what a request needs, conditions, scopes, refusals."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.adapters.azure import microsoft
from toolkit.adapters.azure import grants
from toolkit.adapters.azure.client import EMULATED_TOKEN, Api
from toolkit.adapters.azure.emulator import rbac_needs as needs
from toolkit.adapters.azure.emulator.rbac import Asked, Rbac, object_id
from toolkit.adapters.azure.emulator.rbac_conditions import Bad, holds, patterns
from toolkit.adapters.azure.emulator.refused import Refused
from toolkit.adapters.azure.names import Names
from toolkit.adapters.azure.operator.bootstrap import open_operator
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import AlreadyExists, PermissionDenied
from toolkit.execution.http_messages import Request
from toolkit.ports import Settings
from toolkit.ports.store import CREATE, OVERWRITE, Match

GROUP = "/subscriptions/s/resourceGroups/g"
APP = f"{GROUP}/providers/Microsoft.App/containerApps/a"
JOB = f"{GROUP}/providers/Microsoft.App/jobs/j"
READ, WRITE, ADD = (f"{needs.BLOBS}/blobs/{verb}" for verb in ("read", "write", "add/action"))


@pytest.mark.parametrize(
    ("method", "path", "action", "scope"),
    [
        ("PUT", APP, "Microsoft.App/containerApps/write", APP),
        ("PATCH", APP, "Microsoft.App/containerApps/write", APP),
        ("DELETE", APP, "Microsoft.App/containerApps/delete", APP),
        ("GET", APP.removesuffix("/a"), "Microsoft.App/containerApps/read", GROUP),
        ("GET", f"{APP}/revisions", "Microsoft.App/containerApps/revisions/read", APP),
        ("POST", f"{APP}/revisions/r/deactivate", "Microsoft.App/containerApps/revisions/deactivate/action",
         f"{APP}/revisions/r"),
        ("POST", f"{JOB}/start", "Microsoft.App/jobs/start/action", JOB),
        ("POST", f"{JOB}/executions/e/stop", "Microsoft.App/jobs/stop/execution/action", f"{JOB}/executions/e"),
        ("GET", f"{JOB}/executions/e", "Microsoft.App/jobs/execution/read", f"{JOB}/executions/e"),
        ("GET", f"{JOB}/executions", "Microsoft.App/jobs/executions/read", JOB),
        ("GET", GROUP, "Microsoft.Resources/subscriptions/resourceGroups/read", GROUP),
        ("PUT", f"{APP}/providers/Microsoft.EventGrid/eventSubscriptions/n",
         "Microsoft.EventGrid/eventSubscriptions/write",
         f"{APP}/providers/Microsoft.EventGrid/eventSubscriptions/n"),
    ],
)  # fmt: skip
def test_a_request_of_arm_needs_what_its_path_says(method: str, path: str, action: str, scope: str) -> None:
    assert needs.arm(method, path) == Asked(action, scope)


def test_looking_at_what_was_begun_needs_nothing() -> None:
    assert needs.arm("GET", "/subscriptions/s/providers/Microsoft.App/locations/l/operationStatuses/o") is None
    assert needs.arm("GET", "/subscriptions/s/operationresults/o") is None


@pytest.mark.parametrize(
    ("method", "target", "actions"),
    [
        ("GET", "/a/c/x/y", (READ,)),
        ("GET", "/a/c?restype=container&comp=list", (READ,)),
        ("PUT", "/a/c/x", (WRITE, ADD)),
        ("PUT", "/a/c/x?comp=block&blockid=1", (WRITE,)),
        ("PUT", "/a/c/x?comp=blocklist", (WRITE,)),
        ("PUT", "/a/c/x?comp=metadata", (WRITE,)),
        ("DELETE", "/a/c/x", (f"{needs.BLOBS}/blobs/delete",)),
        ("PUT", "/a/c?restype=container", (f"{needs.BLOBS}/write",)),
        ("DELETE", "/a/c?restype=container", (f"{needs.BLOBS}/delete",)),
    ],
)
def test_a_request_of_blob_storage(method: str, target: str, actions: tuple[str, ...]) -> None:
    found = needs.blob(Request(method, target), "a", "/container")
    assert tuple(one.action for one in found) == actions


def test_a_condition_that_we_write_holds_in_its_folders_only() -> None:
    said = grants.condition(grants.Grant("replace", grants.CONTAINER, "", ("cache", "leases")), "p")
    assert holds(said, WRITE, "p/cache/x/y")
    assert holds(said, WRITE, "p/leases/x")
    assert not holds(said, WRITE, "p/journal/x")
    assert not holds(said, WRITE, "p/cache")
    assert not holds(said, WRITE, "P/cache/x"), "StringLike minds the case"
    assert not holds(said, WRITE, None), "a listing has no path"
    assert holds(said, READ, "p/journal/x"), "it is about its own actions"
    assert patterns(said, "p/leases/x") == ("p/leases/*",)


@pytest.mark.parametrize(
    "wrong",
    ["(", "()", "@Resource[Microsoft.Storage/x:name] StringLike 'a'", "@Resource[x:path] StringEquals 'a'",
     f"@Resource[{needs.BLOBS}/blobs:path] StringLike 'a' and", "!(ActionMatches{'a'}", "(" * 9000],
)  # fmt: skip
def test_a_condition_that_cannot_be_read(wrong: str) -> None:
    with pytest.raises(Bad):
        holds(wrong, READ, "a")


def made() -> tuple[Rbac, str]:
    """With one definition and an assignment of it on the group, with a condition."""
    rbac, who = Rbac(), str(uuid.uuid4())
    permissions = [{"actions": ["Microsoft.App/containerApps/Read"], "dataActions": [READ], "notDataActions": []}]
    rbac.define(f"{GROUP}/d", {"permissions": permissions})
    rbac.assign(assignment(), body(who))
    return rbac, who


def assignment(scope: str = GROUP) -> str:
    return f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"


def body(who: str, **more: str) -> dict[str, Any]:
    return {"roleDefinitionId": f"{GROUP}/d", "principalId": who, **more}


def test_an_assignment_is_for_its_scope_and_below() -> None:
    rbac, who = made()
    asked = Asked("microsoft.app/containerApps/read", APP)
    assert rbac.first(who, [asked])
    assert rbac.first(str(uuid.uuid4()), [asked]) is None
    assert rbac.first(who, [Asked("Microsoft.App/containerApps/write", APP)]) is None
    assert rbac.first(who, [Asked(READ, APP)]) is None, "an action on data is none on resources"
    assert rbac.first(who, [Asked("Microsoft.App/containerApps/read", "/subscriptions/s")]) is None
    other = "/subscriptions/s/resourceGroups/gg/x"
    assert rbac.first(who, [Asked("anything", other)]), "where nothing is assigned, everybody may"
    assert {scope for _, _, scope in rbac.told()["refused"]} == {APP, "/subscriptions/s"}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"principalId": "me"}, "PrincipalNotFound"),
        ({"roleDefinitionId": "/d/e"}, "RoleDefinitionDoesNotExist"),
        ({"condition": "(", "conditionVersion": "2.0"}, "InvalidRoleAssignmentCondition"),
        ({"condition": "ActionMatches{'a'}"}, "InvalidConditionVersion"),
        ({}, "RoleAssignmentExists"),
    ],
)
def test_an_assignment_that_azure_would_not_take(more: dict[str, str], code: str) -> None:
    rbac, who = made()
    with pytest.raises(Refused) as refused:
        rbac.assign(assignment(), {**body(who), **more})
    assert refused.value.code == code


def test_the_operator_alone_takes_on_another_identity() -> None:
    asked = {"principal": "x", "resource": "https://management.azure.com"}
    address = f"{microsoft.address()}/emulator/token"
    token = requests.post(address, params=asked, headers=bearer(EMULATED_TOKEN), timeout=10).json()["access_token"]
    assert requests.post(address, params=asked, headers=bearer(token), timeout=10).status_code == 403
    assert requests.post(address, params=asked, timeout=10).status_code == 401


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def settings() -> Settings:
    """Of a project for which an operator has made everything."""
    found = microsoft.settings(container=f"bucket-{uuid.uuid4().hex[:12]}")
    operator = open_operator(found, {"managed-by": "toolkit", "project": found["prefix"], "target": "test"})
    for action in operator.plan().changes:
        operator.carry_out(action)
    lines = [line.partition(" in [")[0].partition(" = ")[::2] for line in open_operator_next(found)]
    return {**found, **{name: value.strip('"[]') for name, value in lines}}


def open_operator_next(settings: Settings) -> tuple[str, ...]:
    asked = {**settings, "topics": [], "workspace": "", "ingestion": "", "rule": ""}
    operator = open_operator(asked, {"managed-by": "toolkit", "project": settings["prefix"], "target": "test"})
    return tuple(line for line in operator.next() if " in [" in line and not line.startswith("deployer"))


@pytest.fixture
def inference(settings: Settings) -> Iterator[None]:
    """Acting as it: of what is not blobs it may pull the image."""
    with microsoft.acting(identity(settings, "inference")):
        yield


def identity(settings: Settings, role: str) -> str:
    within = f"/subscriptions/{settings['subscription']}/resourceGroups/{settings['resource_group']}/providers"
    name = Names(settings["stem"]).identity(role)
    return f"{within}/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"


def answer(settings: Settings, host: str, method: str, path: str, body: Any = None) -> requests.Response:
    """As the inference function's identity, in raw HTTP."""
    address, who = microsoft.address(), identity(settings, "inference")
    audience = Api(host, "", address)._audience
    asked = {"principal": who, "resource": audience}
    token = requests.post(f"{address}/emulator/token", params=asked, headers=bearer(EMULATED_TOKEN), timeout=10)
    headers = bearer(token.json()["access_token"])
    return requests.request(method, f"{address}/{host}{path}", headers=headers, json=body, timeout=10)


def test_how_each_service_refuses(settings: Settings) -> None:
    who = object_id(identity(settings, "inference"))
    group = f"/subscriptions/{settings['subscription']}/resourceGroups/{settings['resource_group']}"
    vault = f"{settings['vault']}.vault.azure.net"
    topic = settings["topics"].removeprefix("https://").removesuffix("/api/events")
    ingestion = settings["ingestion"].removeprefix("https://")
    refusals = {
        ("management.azure.com", "GET", f"{group}?api-version=2024-07-01"): (
            "AuthorizationFailed",
            f"The client '{who}' with object id '{who}' does not have authorization to perform action "
            f"'Microsoft.Resources/subscriptions/resourceGroups/read' over scope '{group}' or the scope is invalid",
        ),
        (vault, "GET", "/secrets/x?api-version=7.4"): ("Forbidden", "Action: 'Microsoft.KeyVault/vaults/secrets/getS"),
        (topic, "POST", "/api/events?api-version=2018-01-01"): ("Forbidden", "does not have permission to send data"),
        (ingestion, "POST", f"/dataCollectionRules/{settings['rule']}/streams/x?api-version=2023-01-01"): (
            "OperationFailed", "does not have access to ingest data for the data collection rule",
        ),
        ("api.loganalytics.io", "POST", f"/v1/workspaces/{settings['workspace']}/query"): (
            "InsufficientAccessError", "insufficient access",
        ),
    }  # fmt: skip
    for (host, method, path), (code, words) in refusals.items():
        found = answer(settings, host, method, path, {} if method == "POST" else None)
        error = found.json()["error"]
        assert (found.status_code, error["code"]) == (403, code), host
        assert words in error["message"]
        if host == vault:
            assert error["innererror"] == {"code": "ForbiddenByRbac"}


def test_a_link_that_is_not_allowed(settings: Settings) -> None:
    """Who may change an app runs it as no identity that it may not assign, and in no environment that is not its."""
    who, other = identity(settings, "drift-check"), microsoft.settings()["resource_group"]
    app = f"/subscriptions/{settings['subscription']}/resourceGroups/{settings['resource_group']}"
    path = f"{app}/providers/Microsoft.App/containerApps/theirs"
    elsewhere = f"/subscriptions/{settings['subscription']}/providers/Microsoft.App/managedEnvironments/{other}"
    arm = Api("management.azure.com", "2026-07-01", microsoft.address())
    with microsoft.acting(who), pytest.raises(PermissionDenied, match="on the linked scope") as refused:
        arm.call("link", "PUT", path, {"location": "x", "properties": {"environmentId": elsewhere}})
    assert "that identity needs Microsoft.App/managedEnvironments/join/action" in refused.value.hint


@pytest.mark.usefixtures("inference")
def test_who_may_create_replaces_nothing(settings: Settings) -> None:
    store = open_store(settings)
    first = store.put("captures/a", b"1", CREATE)
    for mode in (OVERWRITE, Match(first.etag)):
        with pytest.raises(PermissionDenied, match="AuthorizationPermissionMismatch"):
            store.put("captures/a", b"2", mode)
    with pytest.raises(AlreadyExists):  # the service says 403 here, too: the condition is looked at afterwards
        store.put("captures/a", b"2", CREATE)
    with pytest.raises(PermissionDenied):
        store.put("journal/a", b"1", CREATE)
    with pytest.raises(PermissionDenied):
        store.get("datasets/a")
    with pytest.raises(PermissionDenied):
        list(store.list("captures/"))
    assert store.put("captures/b", b"1").size == 1, "without a condition, too: there is no such blob"
    assert store.get("captures/a").data == b"1"


@pytest.mark.usefixtures("inference")
def test_a_large_file_of_who_may_write_no_blocks(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(data := bytes(range(256)) * 40_000)
    store = open_store(settings)
    assert store.upload("captures/large", tmp_path / "large", CREATE).size == len(data)
    store.download("captures/large", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == data
    with pytest.raises(AlreadyExists):
        store.upload("captures/large", tmp_path / "large", CREATE)
    with pytest.raises(PermissionDenied):
        store.upload("captures/large", tmp_path / "large", OVERWRITE)
