"""What an operator makes once: planned, made by REST, mended where somebody changed it, and what it lets whom do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.adapters.gcp import google
from tests.support import Shell
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.names import ROLES, Names
from toolkit.adapters.gcp.operator.bootstrap import GcpOperator, open_operator
from toolkit.adapters.gcp.storage_api import StorageApi
from toolkit.domain.errors import ConfigError, PlanError
from toolkit.ports import Settings
from toolkit.ports.operator import Operator

_FITS: type[Operator] = GcpOperator
THINGS = 44
PROJECT = "projects/emulated-project"


def operator(settings: Settings, project: str = "flights", target: str = "prod") -> Operator:
    return open_operator(settings, {"managed-by": "toolkit", "project": project, "target": target})


def fresh(**more: object) -> Settings:
    found = google.settings()
    return {**found, "bucket": f"b-{found['stem']}", **more}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return fresh(pipeline="someone/flights")


@pytest.fixture(scope="module")
def made(settings: Settings) -> Operator:
    found = operator(settings)
    for action in found.plan().changes:
        found.carry_out(action)
    return found


def test_everything_is_made_once(settings: Settings, made: Operator) -> None:
    again = operator(settings).plan()
    assert [f"{a.kind} {a.name}: {a.why}" for a in again.changes] == []
    assert len(again.actions) == THINGS + 3


def test_the_plan_of_an_empty_project_changes_nothing() -> None:
    found = operator(fresh())
    assert found.plan() == found.plan()
    assert len([action for action in found.plan().changes if action.action == "create"]) > THINGS // 2


@pytest.mark.parametrize("stop", [7, 38])
def test_half_made_is_finished(stop: int) -> None:
    settings = fresh()
    first = operator(settings)
    for action in first.plan().changes[:stop]:
        first.carry_out(action)
    for action in operator(settings).plan().changes:
        first.carry_out(action)
        first.carry_out(action)
    assert operator(settings).plan().changes == ()


def api(host: str, version: str = "v1") -> Api:
    return Api(f"{host}.googleapis.com", version, google.address())


def _open_the_bucket(s: Settings) -> None:
    change = {"iamConfiguration": {"publicAccessPrevention": "inherited"}}
    StorageApi(google.address()).call("open", "PATCH", f"b/{s['bucket']}", change)


def _keep_no_versions(s: Settings) -> None:
    StorageApi(google.address()).call("forget", "PATCH", f"b/{s['bucket']}", {"versioning": {"enabled": False}})


def _widen_a_power(s: Settings) -> None:
    path = f"{PROJECT}/roles/{Names(s['stem']).power('create')}"
    wide = {"includedPermissions": ["storage.objects.create", "storage.objects.delete"]}
    api("iam").call("widen", "PATCH", path, wide, {"updateMask": "includedPermissions"})


def _let_a_stranger_in(s: Settings) -> None:
    stranger = google.make_account("stranger@emulated-project.iam.gserviceaccount.com")
    _bind_to_bucket(s, {"role": _power(s, "replace"), "members": [f"serviceAccount:{stranger}"]})


def _drop_the_condition(s: Settings) -> None:
    job = Names(s["stem"]).account("job", "emulated-project")
    _bind_to_bucket(s, {"role": _power(s, "create"), "members": [f"serviceAccount:{job}"]})


def _take_a_grant_away(s: Settings) -> None:
    crm = api("cloudresourcemanager", "v3")
    policy = crm.call("read", "POST", f"{PROJECT}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}})
    policy["bindings"] = [one for one in policy["bindings"] if one["role"] != _power(s, "jobs")]
    crm.call("write", "POST", f"{PROJECT}:setIamPolicy", {"policy": policy})


def _silence_cloud_storage(s: Settings) -> None:
    path = f"{PROJECT}/topics/{Names(s['stem']).data_topic}"
    api("pubsub").call("write", "POST", f"{path}:setIamPolicy", {"policy": {"bindings": []}})


def _power(s: Settings, power: str) -> str:
    return f"{PROJECT}/roles/{Names(s['stem']).power(power)}"


def _bind_to_bucket(s: Settings, binding: dict[str, Any]) -> None:
    storage, path = StorageApi(google.address()), f"b/{s['bucket']}/iam"
    policy = storage.get("read", path, optionsRequestedPolicyVersion=3)
    storage.call("write", "PUT", path, {**policy, "bindings": [*policy["bindings"], binding]})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_open_the_bucket, "iamConfiguration"),
        (_keep_no_versions, "versioning"),
        (_widen_a_power, "includedPermissions"),
        (_let_a_stranger_in, "bindings"),
        (_drop_the_condition, "bindings"),
        (_take_a_grant_away, "bindings"),
        (_silence_cloud_storage, "bindings"),
    ],
)
def test_what_somebody_changed_is_seen_and_mended(settings: Settings, made: Operator, change: Any, what: str) -> None:
    change(settings)
    (action,) = operator(settings).plan().changes
    assert what in action.why
    operator(settings).carry_out(action)
    assert operator(settings).plan().changes == ()


def test_labels_and_bindings_of_others_stay(settings: Settings, made: Operator) -> None:
    topic, pubsub = f"{PROJECT}/topics/{Names(settings['stem']).topic}", api("pubsub")
    change = {"topic": {"labels": {"cost": "42"}}, "updateMask": "labels"}
    pubsub.call("label", "PATCH", topic, change)
    theirs = {"role": "roles/pubsub.publisher", "members": ["user:somebody@example.com"]}
    held = pubsub.get("read", f"{topic}:getIamPolicy")
    pubsub.call("bind", "POST", f"{topic}:setIamPolicy", {"policy": {**held, "bindings": [*held["bindings"], theirs]}})
    found = operator(settings)
    for action in found.plan().changes:
        found.carry_out(action)
    labels = {"cost": "42", "managed-by": "toolkit", "project": "flights", "target": "prod"}
    assert pubsub.get("look", topic)["labels"] == labels
    assert theirs in pubsub.get("read", f"{topic}:getIamPolicy")["bindings"]
    assert found.plan().changes == ()


def test_another_targets_things_are_not_touched(settings: Settings, made: Operator) -> None:
    with pytest.raises(PlanError, match="belongs to project 'flights', target 'prod'"):
        operator(settings, target="staging").plan()


@pytest.mark.parametrize("name", ["project", "region", "bucket"])
def test_what_is_not_set_is_proposed(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no {name} is set") as refused:
        operator(fresh(**{name: ""})).plan()
    assert f'{name} = "' in refused.value.hint
    assert refused.value.hint.endswith("in [targets.prod.gcp]")


def test_accounts_that_are_there_are_used_and_not_made() -> None:
    own = google.make_account("company-jobs@emulated-project.iam.gserviceaccount.com")
    settings = fresh(accounts={"job": own})
    found = operator(settings)
    actions = found.plan().changes
    assert f"{PROJECT}/serviceAccounts/{own}" not in {a.name for a in actions if a.kind == "account"}
    for action in actions:
        found.carry_out(action)
    bucket = StorageApi(google.address()).get("r", f"b/{settings['bucket']}/iam", optionsRequestedPolicyVersion=3)
    assert any(f"serviceAccount:{own}" in one["members"] for one in bucket["bindings"])


CONFIG = """
[project]
name = "{project}"
[targets.prod]
provider = "gcp"
[targets.prod.gcp]
project = "emulated-project"
region = "europe-west1"
bucket = "{project}-bucket"
endpoint = "{address}"
services_endpoint = "{address}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    address = google.address()
    project = google.settings()["prefix"]
    (tmp_path / "toolkit.toml").write_text(CONFIG.format(project=project, address=address))
    return tmp_path


def test_the_command_plans_asks_makes_and_then_has_nothing_to_do(shell: Shell, folder: Path) -> None:
    dry = shell.ok("bootstrap -t prod --dry-run", folder)
    assert "to create" in dry.out
    refused = shell.run("bootstrap -t prod", folder)
    assert refused.code == 2
    assert "--yes" in refused.err
    done = shell.ok("bootstrap -t prod --yes --json", folder)
    assert done.data["changed"] > THINGS // 2
    assert any("topics = [" in line for line in done.data["next"])
    assert any("--impersonate-service-account=" in line for line in done.data["next"])
    again = shell.ok("bootstrap -t prod --json", folder)
    assert again.data["changed"] == 0


def test_export_prints_what_is_granted(shell: Shell, folder: Path) -> None:
    shown = shell.ok("export iam -t prod --json", folder).data["policies"]
    assert tuple(shown) == ROLES
    one = shell.ok("export iam -t prod --role job", folder)
    assert "storage.objects.create" in one.out
    assert "storage.objects.delete" in one.out  # of its checkpoint only
    assert shell.run("export iam -t prod --role admin", folder).code == 4


def test_export_writes_the_module_of_the_target(shell: Shell, folder: Path) -> None:
    written = shell.ok("export infra -t prod --json", folder).data["files"]
    assert {Path(path).name for path in written} == {"main.tf", "variables.tf", "outputs.tf", "versions.tf"}
    project = folder.joinpath("toolkit.toml").read_text().split('name = "')[1].split('"')[0]
    assert f'default     = "{project}-bucket"' in (folder / "infra/gcp/terraform/variables.tf").read_text()
    main = (folder / "infra/gcp/terraform/main.tf").read_text()
    account = Names.of(project, "prod").account("drift-check", "x").partition("@")[0]
    assert f'"{account}"' in main, "an account whose name has to be cut is there in full"
