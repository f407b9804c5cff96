from pathlib import Path
from typing import Any

import pytest

from tests.adapters.aws import cloud
from tests.support import Shell
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.operator.bootstrap import AwsOperator, open_operator
from toolkit.domain.errors import ConfigError, PlanError
from toolkit.ports.operator import Operator

_FITS: type[Operator] = AwsOperator


def operator(settings: Any, project: str = "flights", target: str = "prod") -> Operator:
    return open_operator(settings, {"managed-by": "toolkit", "project": project, "target": target})


def fresh(**more: object) -> Any:
    found = cloud.settings()
    return {**found, "bucket": f"b-{found['stem']}", **more}


@pytest.fixture(scope="module")
def settings() -> Any:
    return fresh()


@pytest.fixture(scope="module")
def made(settings: Any) -> Operator:
    found = operator(settings)
    for action in found.plan().changes:
        found.carry_out(action)
    return found


def test_everything_is_made_once(settings: Any, made: Operator) -> None:
    again = operator(settings).plan()
    assert [f"{a.kind} {a.name}: {a.why}" for a in again.changes] == []
    assert len(again.actions) == 18


def test_the_plan_of_an_empty_account_changes_nothing() -> None:
    found = operator(fresh())
    assert found.plan() == found.plan()
    assert {action.action for action in found.plan().actions} == {"create"}


@pytest.mark.parametrize("stop", [1, 7, 12])
def test_half_made_is_finished(stop: int) -> None:
    settings = fresh()
    first = operator(settings)
    for action in first.plan().changes[:stop]:
        first.carry_out(action)
    rest = operator(settings).plan().changes
    assert len(rest) == 18 - stop
    for action in rest:
        first.carry_out(action)
        first.carry_out(action)
    assert operator(settings).plan().changes == ()


def _open_the_bucket(s: Any) -> None:
    client("s3", cloud.REGION, cloud.address()).delete_public_access_block(Bucket=s["bucket"])


def _drop_the_policy(s: Any) -> None:
    client("s3", cloud.REGION, cloud.address()).delete_bucket_policy(Bucket=s["bucket"])


def _widen_a_role(s: Any) -> None:
    wide = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    iam = client("iam", cloud.REGION, cloud.address())
    iam.put_role_policy(RoleName=f"{s['stem']}-job", PolicyName="toolkit", PolicyDocument=wide)


def _trust_everybody(s: Any) -> None:
    trust = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"}]}'
    )
    iam = client("iam", cloud.REGION, cloud.address())
    iam.update_assume_role_policy(RoleName=f"{s['stem']}-inference", PolicyDocument=trust)


def _let_everything_out(s: Any) -> None:
    ec2 = client("ec2", cloud.REGION, cloud.address())
    found = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [f"{s['stem']}-jobs"]}])
    rule = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_egress(GroupId=found["SecurityGroups"][0]["GroupId"], IpPermissions=rule)


def _keep_logs_forever(s: Any) -> None:
    logs = client("logs", cloud.REGION, cloud.address())
    logs.delete_retention_policy(logGroupName=f"/toolkit/{s['stem']}/jobs")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_open_the_bucket, "PublicAccessBlockConfiguration"),
        (_drop_the_policy, "there is none yet"),
        (_widen_a_role, "Policies"),
        (_trust_everybody, "AssumeRolePolicyDocument"),
        (_let_everything_out, "SecurityGroupEgress"),
        (_keep_logs_forever, "RetentionInDays"),
    ],
)
def test_what_somebody_changed_is_seen_and_mended(settings: Any, made: Operator, change: Any, what: str) -> None:
    change(settings)
    (action,) = operator(settings).plan().changes
    assert what in action.why
    operator(settings).carry_out(action)
    assert operator(settings).plan().changes == ()


def test_tags_of_others_stay(settings: Any, made: Operator) -> None:
    s3 = client("s3", cloud.REGION, cloud.address())
    tags = s3.get_bucket_tagging(Bucket=settings["bucket"])["TagSet"]
    kept = [tag for tag in tags if tag["Key"] != "target"] + [{"Key": "cost", "Value": "42"}]
    s3.put_bucket_tagging(Bucket=settings["bucket"], Tagging={"TagSet": [t for t in kept if t["Key"] != "managed-by"]})
    (action,) = operator(settings).plan().changes
    operator(settings).carry_out(action)
    after = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=settings["bucket"])["TagSet"]}
    assert after == {"cost": "42", "managed-by": "toolkit", "project": "flights", "target": "prod"}


def test_another_targets_things_are_not_touched(settings: Any, made: Operator) -> None:
    with pytest.raises(PlanError, match="belongs to project 'flights', target 'prod'"):
        operator(settings, target="staging").plan()


def test_without_a_bucket_a_name_is_proposed() -> None:
    with pytest.raises(ConfigError) as refused:
        operator(cloud.settings()).plan()
    assert 'bucket = "p-' in refused.value.hint
    assert refused.value.hint.endswith("in [targets.prod.aws]")


def test_without_a_network_it_asks_for_one() -> None:
    ec2 = client("ec2", "eu-north-1", cloud.address())
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    with pytest.raises(ConfigError, match="no default VPC: where should jobs run"):
        operator(fresh(region="eu-north-1")).plan()


def test_subnets_of_two_networks_are_refused() -> None:
    ec2 = client("ec2", cloud.REGION, cloud.address())
    vpcs = [ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"] for vpc in vpcs]
    with pytest.raises(ConfigError, match="the subnets are of 2 VPCs"):
        operator(fresh(subnets=subnets)).plan()
    assert operator(fresh(subnets=subnets[:1])).plan().changes


CONFIG = """
[project]
name = "{project}"
[targets.prod]
provider = "aws"
[targets.prod.aws]
region = "eu-west-1"
bucket = "{project}-bucket"
endpoint = "{address}"
services_endpoint = "{address}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    address = cloud.address()
    project = cloud.settings()["prefix"]
    (tmp_path / "toolkit.toml").write_text(CONFIG.format(project=project, address=address))
    return tmp_path


def test_the_command_plans_asks_makes_and_then_has_nothing_to_do(shell: Shell, folder: Path) -> None:
    dry = shell.ok("bootstrap -t prod --dry-run", folder)
    assert "18 to create, 0 to update" in dry.out
    assert "plain HTTP" in dry.out
    refused = shell.run("bootstrap -t prod", folder)
    assert refused.code == 2
    assert "--yes" in refused.err
    done = shell.ok("bootstrap -t prod --yes --json", folder)
    assert done.data["changed"] == 18
    assert any("topics = [" in line for line in done.data["next"])
    assert any(line.startswith("aws sns subscribe --topic-arn arn:aws:sns:") for line in done.data["next"])
    again = shell.ok("bootstrap -t prod --json", folder)
    assert again.data["changed"] == 0


def test_export_prints_the_policies_that_are_made(shell: Shell, folder: Path) -> None:
    shown = shell.ok("export iam -t prod --json", folder).data["policies"]
    assert set(shown) == {"inference", "drift-check", "job", "retrain", "start", "scheduler", "deployer"}
    one = shell.ok("export iam -t prod --role job", folder)
    assert '"Sid": "ReadState"' in one.out
    assert shell.run("export iam -t prod --role admin", folder).code == 4


def test_export_writes_the_templates_of_the_target(shell: Shell, folder: Path) -> None:
    written = shell.ok("export infra -t prod --json", folder).data["files"]
    assert {Path(path).name for path in written} == {
        "template.yaml", "main.tf", "variables.tf", "outputs.tf", "versions.tf"
    }  # fmt: skip
    project = folder.joinpath("toolkit.toml").read_text().split('name = "')[1].split('"')[0]
    assert f'Default: "{project}-prod"' in (folder / "infra/aws/template.yaml").read_text()
    assert f'default     = "{project}-bucket"' in (folder / "infra/aws/terraform/variables.tf").read_text()
    assert shell.run("export infra -t prod", folder).code == 5
    assert shell.ok("export infra -t prod --force", folder)


def test_a_target_that_needs_no_operator_says_so(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text('[project]\nname = "here"\n')
    refused = shell.run("bootstrap", tmp_path)
    assert refused.code == 2
    assert "nothing has to be prepared" in refused.err
