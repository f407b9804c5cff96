"""infra/gcp/ is what bootstrap makes, in other words; and nobody is given more than what is described."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.infra import write_gcp as write
from tests.infra.test_templates import CHECKOV
from toolkit.adapters.aws.emulator import ministack
from toolkit.adapters.gcp import grants
from toolkit.adapters.gcp.emulator.iam_conditions import holds
from toolkit.adapters.gcp.emulator.iam_permissions import known
from toolkit.adapters.gcp.grants import (
    BATCH_POWERS,
    BUCKET,
    POWERS,
    PROJECT,
    SECRETS,
    Grant,
    Site,
    bindings,
    condition,
    roles,
)
from toolkit.adapters.gcp.names import ROLES
from toolkit.adapters.gcp.operator import terraform
from toolkit.adapters.gcp.operator.things import BATCH_APIS, Place, things
from toolkit.state import keys

SITE = Site("flights-prod", "my-project", "123456789012", "europe-west1", "flights-prod-1", "flights")
LABELS = {"managed-by": "toolkit", "project": "flights", "target": "prod"}
PLACE = Place("flights", "prod", LABELS, "service-1@gs-project-accounts.iam.gserviceaccount.com", "someone/flights")
OBJECTS = "projects/_/buckets/flights-prod-1/objects/"
MAIN = (write.ROOT / "terraform" / "main.tf").read_text()


@pytest.mark.parametrize("path", write.files(), ids=lambda path: path.name)
def test_the_files_are_what_the_description_says(path: Path) -> None:
    assert path.read_text() == write.files()[path], "python -m tests.infra.write_gcp"


def test_no_file_is_left_over() -> None:
    assert set(write.ROOT.rglob("*.tf")) == set(write.files())


def test_the_module_holds_every_thing() -> None:
    for thing in things(SITE, PLACE):
        if not thing.kind.startswith("policy of "):
            assert f'resource "{terraform.TYPES[thing.kind]}" "{terraform.label(thing.id)}"' in MAIN


def _blocks(kind: str) -> list[str]:
    return [part.split("\n}\n")[0] for part in MAIN.split(f'resource "{kind}" ')[1:]]


def _members(site: Site) -> int:
    return sum(
        len(binding["members"])
        for thing in things(site, PLACE)
        if thing.kind.startswith("policy of ")
        for binding in thing.body["bindings"]
    )


def test_the_module_holds_every_member_of_every_binding() -> None:
    found = re.findall(r'resource "(google_\w+_iam_member)" "(\w+)" \{\n(?:  count +=(.*))?', MAIN)
    assert len(found) == len({(kind, name) for kind, name, _ in found}) == _members(replace(SITE, batch=True))
    assert len([when for *_, when in found if "var.batch" not in when]) == _members(SITE)


@pytest.mark.parametrize("power", POWERS | BATCH_POWERS)
def test_a_power_of_the_module_permits_what_bootstrap_lets_it(power: str) -> None:
    (block,) = [b for b in _blocks("google_project_iam_custom_role") if f'"${{local.roles}}.{power}"' in b]
    found = set(re.findall(r'"([a-z]+\.[A-Za-z]+\.[A-Za-z]+)"', block))
    assert found == set((POWERS | BATCH_POWERS)[power].permissions)
    assert ("var.batch" in block) == (power in BATCH_POWERS)


def test_what_only_batch_needs_is_there_where_it_is_asked_for() -> None:
    assert f"toset(var.batch ? {json.dumps([f'{api}.googleapis.com' for api in BATCH_APIS])} : [])" in MAIN
    assert set(re.findall(r"role += google_project_iam_custom_role\.(batch|report)_power(.*)\.id", MAIN)) == {
        ("batch", "[0]"), ("report", "[0]"),
    }  # fmt: skip
    filled = terraform.module({"stem": "flights-prod", "prefix": "flights", "bucket": "b-1"}, batch=True)
    assert not [name for name, text in filled.items() if "var.batch" in text], "the target's settings say it"


@pytest.mark.parametrize("role", ROLES)
def test_a_condition_of_the_module_is_the_one_of_bootstrap(role: str) -> None:
    """With the variables filled in."""
    said = MAIN.replace("${var.bucket}", SITE.bucket).replace("${var.prefix}", SITE.prefix)
    said = said.replace("${var.stem}", SITE.stem).replace("${data.google_project.current.number}", SITE.number)
    for grant in roles(SITE)[role]:
        if held := condition(grant, SITE):
            assert json.dumps(held["expression"]) in said


def test_every_reference_of_the_module_is_there() -> None:
    declared = {".".join(pair) for pair in re.findall(r'resource "(\w+)" "(\w+)"', MAIN)}
    used = set(re.findall(r"\b(google_\w+\.\w+)[.\[]", MAIN)) - {f"data.{name}" for name in declared}
    assert {one for one in used if f"data.{one}" not in MAIN} <= declared


@pytest.mark.slow
def test_checkov_finds_nothing_but_what_was_waived_with_a_reason() -> None:
    """In an environment of its own, which uv keeps: its needs are not ours."""
    python = ministack.interpreter(CHECKOV)
    program = str(Path(python).parent / "checkov")
    asked = [python, program, "-d", str(write.ROOT), "--compact", "--skip-download", "-o", "json"]
    done = subprocess.run(asked, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["check_type"] == "terraform"
    assert [f"{one['check_id']} {one['resource']}" for one in report["results"]["failed_checks"]] == []
    assert len(report["results"]["passed_checks"]) > 50
    assert all(len(one["check_result"]["suppress_comment"]) > 20 for one in report["results"]["skipped_checks"])


# Who may do what


def _all() -> list[tuple[str, Grant]]:
    return [(role, grant) for role, given in roles(SITE).items() for grant in given]


def test_no_permission_is_a_wildcard_and_each_is_one_that_there_is() -> None:
    for power in POWERS.values():
        assert all(known(permission) for permission in power.permissions)
        assert power.title
        assert len(set(power.permissions)) == len(power.permissions)


def test_nobody_is_given_a_predefined_role_but_cloud_storage_and_the_pipeline() -> None:
    found = {
        binding["role"]
        for thing in things(SITE, PLACE)
        if thing.kind.startswith("policy of ")
        for binding in thing.body["bindings"]
        if not binding["role"].startswith("projects/my-project/roles/flights_prod.")
    }
    assert found == {"roles/pubsub.publisher", "roles/iam.workloadIdentityUser"}


def _may(role: str, permission: str, name: str, site: Site = SITE) -> bool:
    """Whether the account of `role` may, on the object `name` of the bucket."""
    for grant in roles(site)[role]:
        if grant.on == BUCKET and permission in POWERS[grant.power].permissions:
            held = condition(grant, site)
            if held is None or holds(held["expression"], OBJECTS + name):
                return True
    return False


@pytest.mark.parametrize("prefix", ["flights", ""])
@pytest.mark.parametrize("role", ROLES)
def test_the_journal_is_create_only_for_everybody(role: str, prefix: str) -> None:
    site = replace(SITE, prefix=prefix)
    for name in ("journal/registry/m/0000000000000001.json", "journal/x", "journal/releases/prod/e/1.json"):
        assert not _may(role, "storage.objects.delete", f"{prefix}/{name}".lstrip("/"), site)


@pytest.mark.parametrize(
    ("role", "permission", "name", "may"),
    [
        ("inference", "storage.objects.get", "bundles/sha256/a", True),
        ("inference", "storage.objects.get", "datasets/flights/1", False),
        ("inference", "storage.objects.create", "profiles/x", True),
        ("inference", "storage.objects.create", "journal/registry/m/1", False),
        ("inference", "storage.objects.delete", "profiles/x", False),
        ("job", "storage.objects.create", "journal/registry/m/1.json", True),
        ("job", "storage.objects.create", "journal/releases/prod/e/1.json", False),
        ("job", "storage.objects.create", "bundles/x", False),
        ("drift-check", "storage.objects.delete", "captures/x", True),
        ("drift-check", "storage.objects.delete", "runs/x", False),
        ("drift-check", "storage.objects.create", "blobs/x", False),
        ("retrain", "storage.objects.create", "journal/releases/prod/e/1.json", True),
        ("deployer", "storage.objects.delete", "runs/x", False),
        ("deployer", "storage.objects.delete", "doctor/1", True),
    ],
)
def test_who_may_do_what_in_the_bucket(role: str, permission: str, name: str, may: bool) -> None:
    assert _may(role, permission, f"flights/{name}") is may


def test_another_projects_folder_of_the_bucket_is_not_reached() -> None:
    for role in ROLES:
        for permission in ("storage.objects.get", "storage.objects.create", "storage.objects.delete"):
            assert not _may(role, permission, "flights-too/journal/x")


def test_a_job_that_runs_a_persons_code_moves_nothing() -> None:
    given = {permission for grant in roles(SITE)["job"] for permission in POWERS[grant.power].permissions}
    assert {permission.split(".")[0] for permission in given} == {"storage"}


def test_acting_as_somebody_is_granted_one_by_one() -> None:
    for role, grant in _all():
        assert ("iam.serviceAccounts.actAs" in POWERS[grant.power].permissions) == bool(grant.whom), (role, grant)
    assert {grant.whom for _, grant in _all()} <= {"", *ROLES}
    assert not any(grant.whom == "deployer" for _, grant in _all())


def test_secrets_of_other_targets_are_not_reached() -> None:
    (grant,) = [grant for grant in roles(SITE)["deployer"] if grant.on == SECRETS]
    held = condition(grant, SITE)
    assert held
    assert holds(held["expression"], "projects/123456789012/secrets/flights-prod--token/versions/1")
    assert not holds(held["expression"], "projects/123456789012/secrets/flights-prod2--token")
    assert [one.on for one in bindings(SITE) if one.role == "secrets"] == [PROJECT]


def test_every_power_is_granted_and_everything_says_why() -> None:
    assert {grant.power for _, grant in _all()} == set(POWERS)
    assert all(grant.why for _, grant in _all())


def test_every_folder_of_state_is_known() -> None:
    spelled = Path(keys.__file__).read_text()
    found = set(re.findall(r'(?:return f?"|= f?")([a-z]+)/', spelled))
    journals = {"registry", "releases", "triggers", "incidents", "rollouts"}  # lie under journal/
    assert found - journals <= set(grants.FOLDERS)
    assert {folder.partition("/")[0] for _, grant in _all() for folder in grant.folders} <= set(grants.FOLDERS)


def test_conditions_fit() -> None:
    """IAM takes twelve logical operators; a bucket's policy 1,500 members."""
    long = replace(SITE, stem="s" * 32, bucket="b" * 63, prefix="p" * 100)
    for role, grant in _all():
        held = condition(grant, long)
        assert held is None or (held["expression"].count("||") <= 12 and len(held["title"]) <= 100), role
    (policy,) = [thing for thing in things(long, PLACE) if thing.kind == "policy of bucket"]
    assert sum(len(one["members"]) for one in policy.body["bindings"]) < 100


def test_a_bucket_root_is_described_too() -> None:
    root = terraform.module({"stem": "flights-prod", "prefix": "", "bucket": "b-1"})
    assert 'variable "prefix"' not in root["variables.tf"]
    assert "objects/journal/" in root["main.tf"]
    assert "var.prefix" not in root["main.tf"]


def test_labels_are_labels() -> None:
    for thing in things(SITE, PLACE):
        for key, value in thing.body.get("labels", {}).items():
            assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", key)
            assert re.fullmatch(r"[a-z0-9_-]{0,63}", value)
