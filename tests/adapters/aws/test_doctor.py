"""`toolkit doctor` on AWS: each thing that can be missing is one line with what to type."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.aws import cloud, operator_site
from tests.support import Shell
from toolkit.adapters.aws import PROVIDER, grants
from toolkit.adapters.aws.doctor import Look, check
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.policies import Statement
from toolkit.domain.errors import Unauthenticated
from toolkit.ports import Settings
from toolkit.ports.checks import Asked, Check, Checks
from toolkit.testing.faultproxy import Fault, Proxy, Refused

_FITS: Checks = check
ALL = frozenset(PROVIDER.ports)


def asked(settings: Settings, *, ports: frozenset[str] = ALL) -> dict[str, Check]:
    return {found.name: found for found in check(Asked(settings, "prod", ports))}


@pytest.fixture(scope="module")
def settings() -> Settings:
    found = operator_site.make()
    s3, own = operator_site.service(found, "s3"), Names(found["stem"])
    s3.put_bucket_versioning(Bucket=found["bucket"], VersioningConfiguration={"Status": "Enabled"})
    block = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=found["bucket"], PublicAccessBlockConfiguration=dict.fromkeys(block, True))
    for role in ("inference", "drift-check"):
        operator_site.make_role(found, own.role(role), "lambda.amazonaws.com")
    return found


def test_what_is_all_there(settings: Settings) -> None:
    found = asked(settings)
    assert [one for one in found.values() if not one.ok] == []
    assert found["aws region"].said == cloud.REGION
    assert found["aws bucket"].said == f"{settings['bucket']} in {cloud.REGION}"
    assert found[f"aws queue {Names(settings['stem']).queue}"].said == "enabled"
    assert {"aws clock", "aws identity", "aws bucket versions", "aws bucket private", "aws roles of job and start",
            "aws job log", "aws job image", "aws permissions"} <= found.keys()  # fmt: skip


def test_only_the_ports_that_it_gives_are_looked_at(settings: Settings) -> None:
    names = asked(settings, ports=frozenset({"secrets"})).keys()
    assert not [name for name in names if "queue" in name or "bucket" in name or "image" in name]


def _unversioned(given: Settings) -> None:
    operator_site.service(given, "s3").put_bucket_versioning(
        Bucket=given["bucket"], VersioningConfiguration={"Status": "Suspended"}
    )


def _public(given: Settings) -> None:
    operator_site.service(given, "s3").delete_public_access_block(Bucket=given["bucket"])


def _disabled(given: Settings) -> None:
    operator_site.service(given, "batch").update_job_queue(jobQueue=Names(given["stem"]).queue, state="DISABLED")


def _no_role(given: Settings) -> None:
    operator_site.service(given, "iam").delete_role(RoleName=Names(given["stem"]).role("job"))


def _no_log(given: Settings) -> None:
    operator_site.service(given, "logs").delete_log_group(logGroupName=Names(given["stem"]).job_group)


def _no_image(given: Settings) -> None:
    operator_site.service(given, "ecr").delete_repository(repositoryName=Names(given["stem"]).repository, force=True)


@pytest.mark.parametrize(
    ("damage", "name", "said", "hint"),
    [
        (_unversioned, "aws bucket versions", "suspended", "toolkit bootstrap -t prod"),
        (_public, "aws bucket private", "not blocked", "toolkit bootstrap -t prod"),
        (_disabled, "aws queue {queue}", "DISABLED", "toolkit bootstrap -t prod"),
        (_no_role, "aws roles of job and start", "there is no {stem}-job", "toolkit bootstrap -t prod"),
        (_no_log, "aws job log", "there is no /toolkit/", "toolkit bootstrap -t prod"),
        (_no_image, "aws job image", "there is no {stem}-image", "toolkit image push"),
    ],
)
def test_what_is_missing_is_said_with_what_to_type(
    damage: Callable[[Settings], None], name: str, said: str, hint: str
) -> None:
    given = operator_site.make()
    damage(given)
    own = Names(given["stem"])
    found = asked(given)[name.format(queue=own.queue)]
    assert not found.ok
    assert said.format(stem=own.stem) in found.said
    assert hint in found.hint


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ({"bucket": ""}, "none is set", "toolkit bootstrap"),
        ({"bucket": "nobodys-bucket"}, "there is no bucket", "toolkit bootstrap"),
        ({"region": "eu-west-2"}, f"in {cloud.REGION}", f'region = "{cloud.REGION}"'),
    ],
)
def test_a_bucket_that_is_not_what_it_should_be(
    settings: Settings, change: dict[str, Any], said: str, hint: str
) -> None:
    found = asked({**settings, **change}, ports=frozenset({"store"}))["aws bucket"]
    assert not found.ok
    assert said in found.said
    assert hint in found.hint


def test_another_accounts_bucket(settings: Settings) -> None:
    def plan(number: int, method: str, target: str) -> Fault | None:
        return Refused(403, "AccessDenied") if method == "HEAD" else None

    with Proxy(settings["endpoint"], plan) as proxy:
        found = asked({**settings, "endpoint": proxy.address}, ports=frozenset({"store"}))["aws bucket"]
    assert not found.ok
    assert "another account's" in found.said


def test_who_has_no_credentials_gets_one_line(settings: Settings) -> None:
    refusing = Proxy(settings["endpoint"], lambda *_: Refused(403, "InvalidClientTokenId"))
    with refusing as proxy, pytest.raises(Unauthenticated):
        asked({**settings, "services_endpoint": proxy.address})


def test_what_may_not_be_looked_at_is_no_failure(settings: Settings) -> None:
    with Proxy(settings["endpoint"], lambda *_: Refused(403, "AccessDenied")) as proxy:
        found = asked({**settings, "endpoint": proxy.address}, ports=frozenset({"store"}))
    assert "not checked" in found["aws permissions"].said


def test_permissions_are_asked_of_the_simulator_and_named_one_by_one(settings: Settings) -> None:
    iam, account = operator_site.service(settings, "iam"), "123456789012"
    role = f"{settings['stem']}-who"
    operator_site.make_role(settings, role, "ecs-tasks.amazonaws.com")
    look = Look(Asked(settings, "prod", ALL))
    list(look.identity())
    site = look.site()

    def allow(statements: tuple[Statement, ...]) -> Check:
        document = json.dumps({"Version": "2012-10-17", "Statement": [one.document() for one in statements]})
        iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document)
        look.who = {**look.who, "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/me"}
        return look.permissions()

    everything = grants.deployer(site)
    assert allow(everything) == Check("aws permissions", True, "all that the command line needs")
    less = tuple(one for one in everything if "batch:TerminateJob" not in one.actions)
    found = allow(less)
    assert (found.ok, found.said) == (False, "missing: batch:TerminateJob")
    assert "toolkit export iam" in found.hint


def test_the_command_prints_them(tmp_path: Path) -> None:
    given = cloud.bucket()
    table = "".join(
        f"{key} = {json.dumps(given[key])}\n" for key in ("bucket", "region", "endpoint", "services_endpoint")
    )
    (tmp_path / "toolkit.toml").write_text(
        f'name = "flights"\n\n[targets.prod]\nprovider = "aws"\n\n[targets.prod.aws]\n{table}'
    )
    done = Shell().run("doctor -t prod --json", tmp_path)
    found = {one["name"]: one for one in done.data["checks"]}
    assert done.code == 1
    assert found["aws queue flights-prod-jobs"]["hint"] == "toolkit bootstrap -t prod"
    assert found["aws identity"]["ok"]
    assert found["store works"]["ok"]
