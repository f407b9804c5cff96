"""infra/azure/ is what bootstrap makes, in other words; and nobody is given more than what is described."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.infra import write_azure as write
from tests.infra.test_templates import CHECKOV
from toolkit.adapters.aws.emulator import ministack
from toolkit.adapters.azure.grants import CONTAINER, POWERS, condition, roles
from toolkit.adapters.azure.names import ROLES
from toolkit.adapters.azure.operator import template
from toolkit.adapters.azure.operator.things import Place, things

PLACE = Place(
    "flights", "prod", "flights-prod", "11111111-2222-3333-4444-555555555555", "flights-prod", "westeurope",
    "flightsprodabc", "flights-prod", "flights", "flights-prod-abc", "flightsprodabc", "t",
)  # fmt: skip
TEMPLATE = json.loads((write.ROOT / "template.json").read_text())
MAIN = (write.ROOT / "terraform" / "main.tf").read_text()
THINGS = things(PLACE)
WAYS = ("containerapps", "functions")


@pytest.mark.parametrize("path", write.files(), ids=lambda path: path.name)
def test_the_files_are_what_the_description_says(path: Path) -> None:
    assert path.read_text() == write.files()[path], "python -m tests.infra.write_azure"


def test_no_file_is_left_over() -> None:
    found = {path for path in write.ROOT.rglob("*") if path.suffix in {".json", ".tf"}}
    assert found == set(write.files())


@pytest.mark.parametrize("way", WAYS)
def test_template_and_module_hold_every_thing(way: str) -> None:
    text = template.files(functions=way)
    every = things(replace(PLACE, functions=way))
    kinds = sorted(thing.kind for thing in every if thing.id != "Group")
    made = json.loads(text["template.json"])["resources"]
    assert sorted(one["type"] for one in made) == kinds
    main = text["terraform/main.tf"]
    labels = re.findall(r'resource "azapi_resource" "(\w+)"', main)
    assert sorted(labels) == sorted(template.label(thing.id) for thing in every)
    assert len({thing.id for thing in every}) == len(every)
    assert len({(thing.kind, thing.name) for thing in every}) == len(every)
    assert ("Microsoft.Web/sites/publish/action" in main) is (way == "functions")
    assert ("Microsoft.App/containerApps/write" in main) is (way == "containerapps")


@pytest.mark.parametrize("way", WAYS)
def test_no_marker_is_left(way: str) -> None:
    for text in template.files(functions=way).values():
        assert not re.findall(r"<(guid:[^>]*|stem|group|account|location)>", text)


def test_every_reference_is_to_something_that_is_there() -> None:
    labels = {template.label(thing.id) for thing in THINGS}
    assert set(re.findall(r"azapi_resource\.(\w+)\.", MAIN)) <= labels
    parameters = set(TEMPLATE["parameters"])
    assert set(re.findall(r"parameters\('(\w+)'\)", json.dumps(TEMPLATE))) == parameters
    variables = (write.ROOT / "terraform" / "variables.tf").read_text()
    assert set(re.findall(r"var\.(\w+)", MAIN)) == set(re.findall(r'variable "(\w+)"', variables))


def test_nothing_has_a_wildcard_or_a_role_of_the_platforms() -> None:
    for power in POWERS.values():
        assert all("*" not in action and action.count("/") for action in (*power.actions, *power.data))
        assert not any(action.startswith("Microsoft.Authorization/") for action in power.actions)
    for thing in THINGS:
        if thing.kind.endswith("roleAssignments"):
            assert thing.body["properties"]["roleDefinitionId"].id.endswith("Power")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", [*ROLES, "deployer"])
def test_nobody_replaces_or_removes_in_the_journal(role: str, way: str) -> None:
    for grant in roles(way)[role]:
        if grant.on == CONTAINER and grant.power in {"overwrite", "replace", "remove"}:
            assert grant.folders, "all of the container is not for replacing"
            assert not [folder for folder in grant.folders if folder.startswith("journal")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", [*ROLES, "deployer"])
def test_azure_keeps_one_assignment_of_a_role_to_an_identity_on_a_thing(role: str, way: str) -> None:
    given = [(grant.power, grant.on) for grant in roles(way)[role]]
    assert len(given) == len(set(given))


def test_a_condition_names_the_folders_and_spares_other_actions() -> None:
    grant = next(one for one in roles()["inference"] if one.power == "create")
    said = condition(grant, "flights")
    assert "ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'}" in said
    assert "blobs:path] StringLike 'flights/profiles/*'" in said
    assert "'profiles/*'" in condition(grant, "")
    assert said.count("(") == said.count(")")


def test_the_root_of_a_container_has_no_prefix_in_its_templates() -> None:
    found = template.files(replace(PLACE, prefix=""))
    assert '"prefix"' not in found["template.json"]
    assert "StringLike 'bundles/*'" in found["template.json"]


def test_ids_are_the_same_whenever_they_are_asked_for() -> None:
    assert [thing.name for thing in things(PLACE)] == [thing.name for thing in THINGS]
    other = things(replace(PLACE, group="another"))
    ours = {thing.name for thing in THINGS if thing.kind.startswith("Microsoft.Authorization")}
    assert not ours & {thing.name for thing in other}


@pytest.mark.slow
def test_checkov_finds_nothing_that_is_not_waived(tmp_path: Path) -> None:
    for way in WAYS:
        write.write(write.written(tmp_path / way, way))
    python = ministack.interpreter(CHECKOV)
    program = str(Path(python).parent / "checkov")
    asked = [python, program, "-d", str(tmp_path), "--framework", "arm", "--compact", "--skip-download", "-o", "json"]
    report = json.loads(subprocess.run(asked, capture_output=True, text=True).stdout)
    assert report["check_type"] == "arm"
    failed = [f"{one['check_id']} {one['resource']}" for one in report["results"]["failed_checks"]]
    assert failed == []
    assert report["summary"]["passed"] > 15
    skipped = report["results"]["skipped_checks"]
    every = [thing for way in WAYS for thing in things(replace(PLACE, functions=way))]
    assert {one["check_id"] for one in skipped} == {check for thing in every for check in thing.waivers}
    assert all(len(one["check_result"]["suppress_comment"]) > 20 for one in skipped)
