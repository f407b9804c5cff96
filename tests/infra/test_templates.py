"""infra/aws/ is what bootstrap makes, in other words: the templates are read back and compared with the description."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # of moto's own needs

from tests.infra import write
from toolkit.adapters.aws import names, policies
from toolkit.adapters.aws.emulator import ministack
from toolkit.adapters.aws.operator import cloudformation, terraform
from toolkit.adapters.aws.operator.things import Given, Of, Place, Thing, things
from toolkit.adapters.aws.policies import Site
from toolkit.state import keys

SITE = Site(
    stem="flights-prod", bucket="flights-prod-1", prefix="flights", secrets="flights/prod", namespace="flights/prod",
    account="123456789012", region="eu-west-1",
)  # fmt: skip
PLACE = Place("flights", "prod", "vpc-1", ["subnet-1"])
VALUES = {
    "Stem": SITE.stem, "BucketName": SITE.bucket, "Prefix": SITE.prefix, "Secrets": SITE.secrets,
    "Namespace": SITE.namespace, "AWS::AccountId": SITE.account, "AWS::Region": SITE.region, "AWS::Partition": "aws",
    "Project": "flights", "Target": "prod",
}  # fmt: skip
CHECKOV = ("checkov==3.3.30",)


@pytest.mark.parametrize("path", write.files(), ids=lambda path: path.name)
def test_the_files_are_what_the_description_says(path: Path) -> None:
    assert path.read_text() == write.files()[path], "python -m tests.infra.write"


def test_no_file_is_left_over() -> None:
    found = {path for path in write.ROOT.rglob("*") if path.is_file() and path.suffix in {".yaml", ".tf"}}
    assert found == set(write.files())


# CloudFormation


# YAML with CloudFormation's short tags, resolved with VALUES.
Loader: Any = type("Loader", (yaml.SafeLoader,), {})


def _resolve(loader: Any, tag: str, node: Any) -> Any:
    text = str(loader.construct_scalar(node))
    if tag == "Sub":
        return re.sub(r"\$\{([^}]+)\}", lambda found: VALUES[found[1]], text)
    if tag == "Ref":
        return VALUES.get(text, f"ref {text}")
    return f"att {text}"


Loader.add_multi_constructor("!", _resolve)


def test_the_template_holds_every_thing_with_every_property() -> None:
    template = yaml.load((write.ROOT / "template.yaml").read_text(), Loader)
    found = {name: (thing["Type"], thing["Properties"]) for name, thing in template["Resources"].items()}
    wanted = {thing.id: (thing.type, _plain(thing.properties)) for thing in things(SITE, PLACE)}
    assert found == {**wanted, **_by_reference(found, wanted)}


def _by_reference(found: Any, wanted: Any) -> dict[str, Any]:
    """The things whose properties refer to others: a template says "ref", the description the name."""
    texts = {"BucketPolicy": "ref Bucket", "ComputeEnvironment": "att JobSecurityGroup.GroupId",
             "JobQueue": "ref ComputeEnvironment", "JobSecurityGroup": "ref Vpc"}  # fmt: skip
    kept = {}
    for name, said in texts.items():
        assert said in json.dumps(found[name])
        assert set(found[name][1]) == set(wanted[name][1])
        kept[name] = found[name]
    return kept


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, (Of, Given)) else value


@pytest.mark.slow
def test_cfn_lint_finds_nothing() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "cfn-lint", write.ROOT / "template.yaml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


# Terraform


def test_the_module_holds_every_thing_and_every_policy() -> None:
    text = (write.ROOT / "terraform" / "main.tf").read_text()
    for thing in things(terraform.PLACEHOLDERS, terraform.PLACE):
        assert f'resource "{terraform.TYPES[thing.type]}" "{terraform.label(thing.id)}"' in text
    for block, kind in ((r'"aws_iam_role_policy" "(\w+)"', "Policies"), (r'"aws_iam_role" "(\w+)"', "Trust")):
        assert len(re.findall(block, text)) == len(names.ROLES), kind


@pytest.mark.parametrize("role", names.ROLES)
def test_a_role_of_the_module_may_what_bootstrap_lets_it(role: str) -> None:
    text = (write.ROOT / "terraform" / "main.tf").read_text()
    label = terraform.label("".join(part.title() for part in role.split("-")) + "Role")
    block = text.split(f'resource "aws_iam_role_policy" "{label}" {{')[1].split("\n}\n")[0]
    sids = re.findall(r'Sid += "(\w+)"', block)
    assert sids == [statement.sid for statement in policies.roles(SITE)[role]]
    quoted = set(re.findall(r'"([a-z0-9-]+:[A-Za-z]+)"', block))
    wanted = {action for statement in policies.roles(SITE)[role] for action in statement.actions}
    assert quoted - {"s3:prefix", "iam:PassedToService"} == wanted


@pytest.mark.slow
@pytest.mark.exhaustive  # fifteen seconds of its own start, for files that are compared with their description above
def test_checkov_finds_nothing_but_what_was_waived_with_a_reason() -> None:
    """In an environment of its own, which uv keeps: its needs are not ours."""
    python = ministack.interpreter(CHECKOV)
    program = str(Path(python).parent / "checkov")
    asked = [python, program, "-d", str(write.ROOT), "--compact", "--skip-download", "-o", "json"]
    done = subprocess.run(asked, capture_output=True, text=True)
    reports = {report["check_type"]: report for report in json.loads(done.stdout)}
    assert set(reports) == {"cloudformation", "terraform"}
    for report in reports.values():
        failed = [f"{one['check_id']} {one['resource']}" for one in report["results"]["failed_checks"]]
        assert failed == []
        skipped = report["results"]["skipped_checks"]
        assert skipped
        assert all(len(one["check_result"]["suppress_comment"]) > 20 for one in skipped)


# What is described


def test_every_folder_of_state_is_known_to_the_policies() -> None:
    spelled = Path(keys.__file__).read_text()
    found = set(re.findall(r'(?:return f?"|= f?")([a-z]+)/', spelled))
    journals = {"registry", "releases", "triggers", "incidents", "rollouts"}  # lie under journal/
    assert found - journals <= set(policies.FOLDERS)


def test_folders_of_the_grants_are_known() -> None:
    for statements in policies.roles(SITE).values():
        for statement in statements:
            for resource in statement.resources:
                if found := re.match(r"arn:aws:s3:::[^/]+/flights/(\w+)", resource):
                    assert found[1] in policies.FOLDERS


def _statements() -> list[Any]:
    return [s for statements in policies.roles(SITE).values() for s in statements]


@pytest.mark.parametrize("role", names.ROLES)
def test_no_two_statements_of_a_role_have_one_name(role: str) -> None:
    sids = [statement.sid for statement in policies.roles(SITE)[role]]
    assert len(sids) == len(set(sids))


def test_no_action_is_a_wildcard_and_everything_says_why() -> None:
    for statement in _statements():
        assert not [action for action in statement.actions if "*" in action]
        assert statement.why
        assert statement.sid.isalnum()


def test_every_role_is_passed_to_one_service_only() -> None:
    passing = [s for s in _statements() if "iam:PassRole" in s.actions]
    assert passing
    for statement in passing:
        (role, *_) = statement.resources
        service = statement.conditions["StringEquals"]["iam:PassedToService"]
        assert {policies.SERVICES[r.rpartition("flights-prod-")[2]] for r in statement.resources} == {service}, role


@pytest.mark.parametrize("role", [role for role in names.ROLES if role != "deployer"])
def test_a_service_takes_a_role_on_for_this_account_only(role: str) -> None:
    (statement,) = policies.trust(role, SITE)
    assert statement.conditions["StringEquals"] == {"aws:SourceAccount": SITE.account}
    assert SITE.account in statement.conditions["ArnLike"]["aws:SourceArn"]


def test_the_journal_is_create_only_by_the_buckets_own_policy() -> None:
    found = {s.sid: s.document() for s in policies.bucket_policy(SITE)}
    assert found["JournalIsCreateOnly"]["Condition"] == {
        "Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"},
    }  # fmt: skip
    assert found["JournalStays"]["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert {s["Effect"] for s in found.values()} == {"Deny"}
    assert found["JournalStays"]["Resource"] == ["arn:aws:s3:::flights-prod-1/flights/journal/*"]


def test_policies_fit_even_with_the_longest_names() -> None:
    long = Site(
        stem="s" * 32, bucket="b" * 63, prefix="p" * 40, secrets="p" * 40 + "/" + "t" * 40,
        namespace="p" * 40 + "/" + "t" * 40, account="1" * 12, region="ap-northeast-1", partition="aws-us-gov",
    )  # fmt: skip
    for role, statements in policies.roles(long).items():
        assert len(json.dumps(policies.document(statements), separators=(",", ":"))) <= 10_240, role


def test_a_bucket_root_is_described_too() -> None:
    root = Site(**{**{f: getattr(SITE, f) for f in SITE.__dataclass_fields__}, "prefix": ""})
    (journal,) = policies.bucket_policy(root)[2].resources
    assert journal == "arn:aws:s3:::flights-prod-1/journal/*"
    listing = next(s for s in policies.roles(root)["job"] if s.sid == "ListState")
    assert listing.conditions == {}


def test_defaults_make_a_template_of_one_target() -> None:
    text = cloudformation.template({"Stem": "flights-prod", "BucketName": "b-1"})
    assert 'Default: "flights-prod"' in text
    assert isinstance(yaml.load(text, Loader)["Resources"], dict)
    assert all(isinstance(thing, Thing) for thing in things(SITE, PLACE))
