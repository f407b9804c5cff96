"""What an operator makes once: planned, made by REST, mended where somebody changed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.azure import microsoft
from tests.support import Shell
from toolkit.adapters.azure import sites_body
from toolkit.adapters.azure.client import Arm
from toolkit.adapters.azure.grants import roles
from toolkit.adapters.azure.names import ROLES
from toolkit.adapters.azure.operator.bootstrap import AzureOperator, differing, open_operator
from toolkit.adapters.azure.operator.things import ARM_VERSIONS
from toolkit.adapters.azure.store import open_store
from toolkit.domain.errors import ConfigError, PlanError
from toolkit.ports import Settings
from toolkit.ports.operator import Operator

_FITS: type[Operator] = AzureOperator
STORAGE = "Microsoft.Storage/storageAccounts"


def operator(settings: Settings, target: str = "prod") -> Operator:
    return open_operator(settings, {"managed-by": "toolkit", "project": "flights", "target": target})


@pytest.fixture(scope="module")
def settings() -> Settings:
    return microsoft.settings()


@pytest.fixture(scope="module")
def made(settings: Settings) -> Operator:
    found = operator(settings)
    for action in found.plan().changes:
        found.carry_out(action)
    return found


def test_everything_is_made_once_and_the_store_works(settings: Settings, made: Operator) -> None:
    again = operator(settings).plan()
    assert [f"{a.kind} {a.name}: {a.why}" for a in again.changes] == []
    assert len(again.actions) > 40
    assert open_store(settings).put("a", b"1").size == 1


def test_the_plan_of_an_empty_group_changes_nothing() -> None:
    found = operator(microsoft.settings())
    first = found.plan()
    assert first == found.plan()
    assert {action.action for action in first.changes} <= {"create", "update"}


@pytest.mark.parametrize("stop", [1, 12, 30])
def test_half_made_is_finished(stop: int) -> None:
    settings = microsoft.settings()
    first = operator(settings)
    for action in first.plan().changes[:stop]:
        first.carry_out(action)
    second = operator(settings)
    for action in second.plan().changes:
        second.carry_out(action)
        second.carry_out(action)
    assert operator(settings).plan().changes == ()


def test_function_apps_have_their_own_half_once() -> None:
    settings = {**microsoft.settings(), "functions": "functions"}
    first = operator(settings)
    for action in first.plan().changes:
        first.carry_out(action)
    assert operator(settings).plan().changes == ()
    names = {action.name.rpartition("/")[2] for action in operator(settings).plan().actions}
    assert {"azure-webjobs-hosts", "azure-webjobs-secrets"} <= names
    for role in ("inference", "drift-check"):
        assert sites_body.packages(settings["container"], role) in names
    policies = operator(settings).policies()
    assert any(grant["on"] == "drift-check-packages" for grant in policies["drift-check"]["grants"])
    assert "azure-webjobs-hosts" in operator(settings).templates()["template.json"]


def _change(settings: Settings, kind: str, name: str, change: dict[str, Any]) -> None:
    arm = Arm(settings)
    path, version = arm.path(kind, name), ARM_VERSIONS["/".join(kind.split("/")[:2])]
    body = arm.get("look", path, version)
    kept = {key: body[key] for key in ("location", "kind", "sku", "tags") if key in body}
    properties = {k: v for k, v in body["properties"].items() if k != "provisioningState"}
    arm.change("change", "PUT", path, version, {**kept, "properties": {**properties, **change}})


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("", {"allowBlobPublicAccess": True}),
        ("", {"allowSharedKeyAccess": True}),
        ("", {"minimumTlsVersion": "TLS1_0"}),
        ("/blobServices/default", {"isVersioningEnabled": False}),
    ],
)
def test_what_somebody_changed_is_seen_and_mended(
    settings: Settings, made: Operator, part: str, change: dict[str, Any]
) -> None:
    _change(settings, STORAGE, f"{settings['account']}{part}", change)
    (action,) = operator(settings).plan().changes
    assert "properties" in action.why
    operator(settings).carry_out(action)
    assert operator(settings).plan().changes == ()


def test_tags_of_others_stay(settings: Settings, made: Operator) -> None:
    arm, version = Arm(settings), ARM_VERSIONS["Microsoft.Resources/resourceGroups"]
    body = arm.get("look", arm.group, version)
    wrong = {"location": body["location"], "tags": {"cost": "42", "managed-by": "toolkit", "project": "flights"}}
    arm.change("tag", "PUT", arm.group, version, {**wrong, "tags": {**wrong["tags"], "target": "prod"}})
    assert operator(settings).plan().changes == ()
    assert arm.get("look", arm.group, version)["tags"]["cost"] == "42"


def test_another_targets_things_are_not_touched(settings: Settings, made: Operator) -> None:
    with pytest.raises(PlanError, match="belongs to project 'flights', target 'prod'"):
        operator(settings, target="staging").plan()


@pytest.mark.parametrize("name", ["subscription", "location", "tenant"])
def test_what_is_not_set_is_proposed(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no {name} is set") as refused:
        operator({**microsoft.settings(), name: ""}).plan()
    assert f"{name} = " in refused.value.hint


def test_what_is_left_to_write_is_said(settings: Settings, made: Operator) -> None:
    lines = operator({**settings, "topics": [], "workspace": "", "ingestion": "", "rule": ""}).next()
    for name in ("topics = [", "workspace = ", "ingestion = ", "rule = "):
        assert any(line.startswith(name) and line.endswith("in [targets.prod.azure]") for line in lines)


def test_who_deploys_is_granted_what_it_needs_where_it_is_named() -> None:
    settings = microsoft.settings(deployer="dddddddd-0000-4000-8000-000000000002")
    found = operator(settings)
    before = {action.name for action in operator({**settings, "deployer": ""}).plan().actions}
    made = [action for action in found.plan().actions if action.name not in before]
    for action in found.plan().changes:
        found.carry_out(action)
    given = [action for action in made if action.kind == "Microsoft.Authorization/roleAssignments"]
    assert len(given) == len(roles()["deployer"])
    assert operator(settings).plan().changes == ()
    assert not any(line.startswith("deployer = ") for line in found.next())
    assert any(line.startswith("deployer = ") for line in operator({**settings, "deployer": ""}).next())


def test_what_is_there_may_hold_more_than_we_say() -> None:
    assert differing({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}) == ()
    assert differing({"a": {"b": 1}}, {"a": {"b": 2}}) == ("a",)
    assert differing({"a": [1, 2]}, {"a": [1]}) == ("a",)
    assert differing({"sharedKey": "x"}, {}) == ()


CONFIG = """
[project]
name = "{project}"
[targets.prod]
provider = "azure"
[targets.prod.azure]
emulator = "azure"
emulator_address = "{address}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    config = CONFIG.format(project=microsoft.settings()["prefix"], address=microsoft.address())
    (tmp_path / "toolkit.toml").write_text(config)
    return tmp_path


def test_the_command_plans_asks_makes_and_then_has_nothing_to_do(shell: Shell, folder: Path) -> None:
    assert "to create" in shell.ok("bootstrap -t prod --dry-run", folder).out
    assert shell.run("bootstrap -t prod", folder).code == 2
    assert shell.ok("bootstrap -t prod --yes --json", folder).data["changed"] > 30
    assert shell.ok("bootstrap -t prod --json", folder).data["changed"] == 0


def test_export_prints_what_is_granted_and_writes_the_templates(shell: Shell, folder: Path) -> None:
    shown = shell.ok("export iam -t prod --json", folder).data["policies"]
    assert tuple(shown) == (*ROLES, "deployer")
    assert "blobs/add/action" in shell.ok("export iam -t prod --role job", folder).out
    written = shell.ok("export infra -t prod --json", folder).data["files"]
    assert {Path(path).name for path in written} == {
        "template.json", "main.tf", "variables.tf", "outputs.tf", "versions.tf",
    }  # fmt: skip
    parameters = json.loads((folder / "infra/azure/template.json").read_text())["parameters"]
    assert parameters["account"]["defaultValue"] == "emulatedaccount"


def test_the_templates_are_those_of_the_targets_way_of_functions(shell: Shell, folder: Path) -> None:
    for way in ("containerapps", "functions"):
        config = folder / "toolkit.toml"
        config.write_text(f'{CONFIG.format(project="flights", address=microsoft.address())}functions = "{way}"\n')
        shell.ok(f"export infra -t prod --to {way} --json", folder)
        text = (folder / way / "azure/template.json").read_text()
        assert ("Microsoft.App/containerApps/write" in text) is (way == "containerapps")
        assert ("Microsoft.Web/sites/publish/action" in text) is (way == "functions")
