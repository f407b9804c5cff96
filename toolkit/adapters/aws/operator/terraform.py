"""The things as a Terraform module: the same records in the words of the AWS provider."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from toolkit.adapters.aws.operator.things import Given, Of, Place, Thing, things
from toolkit.adapters.aws.policies import Site
from toolkit.domain.hcl import Block, Call, Expression, text

PLACEHOLDERS = Site(
    stem="${var.stem}",
    bucket="${var.bucket}",
    prefix="${var.prefix}",
    secrets="${var.secrets}",
    namespace="${var.namespace}",
    account="${data.aws_caller_identity.current.account_id}",
    region="${data.aws_region.current.region}",
    partition="${data.aws_partition.current.partition}",
)
PLACE = Place("${var.project}", "${var.target}", Given("vpc"), Given("subnets"))
PROVIDER = "~> 6.0"

_NAME = "^[a-z][a-z0-9-]*$"
_PATH = "^[A-Za-z0-9][A-Za-z0-9_./-]*$"
# name -> (type, pattern, what it is)
VARIABLES: dict[str, tuple[str, str, str]] = {
    "project": ("string", _NAME, "name of the project in toolkit.toml"),
    "target": ("string", _NAME, "name of the target in toolkit.toml"),
    "stem": ("string", _NAME, "what every name begins with: project-target, or as `toolkit export iam` prints it"),
    "bucket": ("string", "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "the bucket that is the database"),
    "prefix": ("string", _PATH, "folder in the bucket: the project's name unless prefix is set"),
    "secrets": ("string", _PATH, "folder of the secrets' names: project/target"),
    "namespace": ("string", _PATH, "namespace of the metrics: project/target"),
    "vpc": ("string", "", "where jobs run"),
    "subnets": ("list(string)", "", "of that VPC, with a way to S3, ECR and CloudWatch"),
}
OUTPUTS = {
    "bucket": (Of("Bucket", "Name"), "bucket = ... in [targets.<t>.aws]"),
    "topic": (Of("AlertTopic", "Arn"), "topics = [...] in [targets.<t>.aws]"),
    "deployer": (Of("DeployerRole", "Arn"), "role_arn of the AWS profile that deploys"),
    "repository": (Of("Repository", "Uri"), "where toolkit image push puts the job image"),
}


def module(
    defaults: dict[str, str] | None = None, *, site: Site = PLACEHOLDERS, subscribers: tuple[str, ...] = ()
) -> dict[str, str]:
    """File name -> content. `defaults` are values of variables; `site` and `subscribers` what no variable says."""
    given, place = defaults or {}, replace(PLACE, subscribers=subscribers)
    versions = Block(
        "terraform",
        {"required_version": ">= 1.5"},
        (Block("required_providers", {"aws": {"source": "hashicorp/aws", "version": PROVIDER}}),),
    )
    data = [Block(f'data "{name}" "current"', {}) for name in ("aws_caller_identity", "aws_region", "aws_partition")]
    resources = [block for thing in things(site, place) for block in BLOCKS[thing.type](thing)]
    outputs = [
        Block(f'output "{name}"', {"description": words, "value": _resolved(of)})
        for name, (of, words) in OUTPUTS.items()
    ]
    return {
        "versions.tf": text(versions),
        "variables.tf": text(*(_variable(name, given.get(name, "")) for name in VARIABLES)),
        "main.tf": "# Generated: see toolkit/adapters/aws/operator.\n\n" + text(*data, *resources),
        "outputs.tf": text(*outputs),
    }


def _variable(name: str, default: str) -> Block:
    kind, pattern, words = VARIABLES[name]
    attributes: dict[str, Any] = {"description": words, "type": Expression(kind)}
    if default:
        attributes["default"] = default
    condition = Expression(f'can(regex("{pattern}", var.{name}))')
    message = f"{name} is not valid."
    checks = (Block("validation", {"condition": condition, "error_message": message}),) if pattern else ()
    return Block(f'variable "{name}"', attributes, checks)


TYPES = {
    "AWS::S3::Bucket": "aws_s3_bucket",
    "AWS::S3::BucketPolicy": "aws_s3_bucket_policy",
    "AWS::IAM::Role": "aws_iam_role",
    "AWS::EC2::SecurityGroup": "aws_security_group",
    "AWS::Batch::ComputeEnvironment": "aws_batch_compute_environment",
    "AWS::Batch::JobQueue": "aws_batch_job_queue",
    "AWS::ECR::Repository": "aws_ecr_repository",
    "AWS::SNS::Topic": "aws_sns_topic",
    "AWS::SNS::Subscription": "aws_sns_topic_subscription",
    "AWS::SQS::Queue": "aws_sqs_queue",
    "AWS::Scheduler::ScheduleGroup": "aws_scheduler_schedule_group",
    "AWS::Logs::LogGroup": "aws_cloudwatch_log_group",
}
_ATTRIBUTES = {"Name": "id", "Id": "id", "Arn": "arn", "Uri": "repository_url"}
_KINDS = {thing.id: TYPES[thing.type] for thing in things(PLACEHOLDERS, PLACE)}


def label(thing: str) -> str:
    """JobSecurityGroup -> job_security_group."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", thing).lower()


def _resolved(value: Any) -> Any:
    if isinstance(value, Of):
        return Expression(f"{_KINDS[value.thing]}.{label(value.thing)}.{_ATTRIBUTES[value.attribute]}")
    if isinstance(value, Given):
        return Expression(f"var.{value.name}")
    if isinstance(value, (list, tuple)):
        return [_resolved(item) for item in value]
    if isinstance(value, str) and (whole := re.fullmatch(r"\$\{([^}]+)\}", value)):
        return Expression(whole[1])
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    return value


def _resource(thing: Thing, attributes: dict[str, Any], *blocks: Block, kind: str = "") -> Block:
    """The block of the thing, or of another resource that holds a part of it."""
    notes = () if kind else tuple(f"checkov:skip={check}:{reason}" for check, reason in thing.waivers.items())
    head = f'resource "{kind or TYPES[thing.type]}" "{label(thing.id)}"'
    return Block(head, {key: _resolved(value) for key, value in attributes.items()}, blocks, notes)


def _bucket(thing: Thing) -> list[Block]:
    found, own = thing.properties, {"bucket": Of("Bucket", "Name")}
    algorithm = found["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"]
    default = Block("apply_server_side_encryption_by_default", {"sse_algorithm": algorithm["SSEAlgorithm"]})
    ownership = Block("rule", {"object_ownership": found["OwnershipControls"]["Rules"][0]["ObjectOwnership"]})
    versioning = Block("versioning_configuration", {"status": found["VersioningConfiguration"]["Status"]})
    rules = [_rule(rule) for rule in found["LifecycleConfiguration"]["Rules"]]
    blocked = {_snake(key): value for key, value in found["PublicAccessBlockConfiguration"].items()}
    return [
        _resource(
            thing, {"bucket": found["BucketName"], "tags": _tags(found)}, Block("lifecycle", {"prevent_destroy": True})
        ),
        _resource(thing, own, Block("rule", {}, (default,)), kind="aws_s3_bucket_server_side_encryption_configuration"),
        _resource(thing, own, *rules, kind="aws_s3_bucket_lifecycle_configuration"),
        _resource(thing, own, ownership, kind="aws_s3_bucket_ownership_controls"),
        _resource(thing, {**own, **blocked}, kind="aws_s3_bucket_public_access_block"),
        _resource(thing, own, versioning, kind="aws_s3_bucket_versioning"),
    ]


def _rule(rule: dict[str, Any]) -> Block:
    blocks = [Block("filter", {"prefix": rule["Prefix"]})]
    if stale := rule.get("AbortIncompleteMultipartUpload"):
        days = {"days_after_initiation": stale["DaysAfterInitiation"]}
        blocks.append(Block("abort_incomplete_multipart_upload", days))
    if old := rule.get("NoncurrentVersionExpiration"):
        blocks.append(Block("noncurrent_version_expiration", {"noncurrent_days": old["NoncurrentDays"]}))
    return Block("rule", {"id": rule["Id"], "status": rule["Status"]}, tuple(blocks))


def _bucket_policy(thing: Thing) -> list[Block]:
    policy = Call("jsonencode", _resolved(thing.properties["PolicyDocument"]))
    return [_resource(thing, {"bucket": thing.properties["Bucket"], "policy": policy})]


def _role(thing: Thing) -> list[Block]:
    found = thing.properties
    trust = Call("jsonencode", _resolved(found["AssumeRolePolicyDocument"]))
    (inline,) = found["Policies"]
    policy = Call("jsonencode", _resolved(inline["PolicyDocument"]))
    role = Expression(f"aws_iam_role.{label(thing.id)}.id")
    return [
        _resource(thing, {"name": found["RoleName"], "assume_role_policy": trust, "tags": _tags(found)}),
        _resource(thing, {"name": inline["PolicyName"], "role": role, "policy": policy}, kind="aws_iam_role_policy"),
    ]


def _security_group(thing: Thing) -> list[Block]:
    found = thing.properties
    rules = [
        Block(
            "egress",
            {
                "cidr_blocks": [rule["CidrIp"]], "description": rule["Description"], "from_port": rule["FromPort"],
                "protocol": rule["IpProtocol"], "to_port": rule["ToPort"],
            },
        )
        for rule in found["SecurityGroupEgress"]
    ]  # fmt: skip
    own = {"name": found["GroupName"], "description": found["GroupDescription"], "vpc_id": found["VpcId"]}
    return [_resource(thing, {**own, "tags": _tags(found)}, *rules)]


def _compute_environment(thing: Thing) -> list[Block]:
    found = thing.properties
    resources = found["ComputeResources"]
    inner = {
        "type": resources["Type"],
        "max_vcpus": resources["MaxvCpus"],
        "subnets": _resolved(resources["Subnets"]),
        "security_group_ids": _resolved(resources["SecurityGroupIds"]),
    }
    own = {"name": found["ComputeEnvironmentName"], "type": found["Type"], "state": found["State"]}
    return [_resource(thing, {**own, "tags": found["Tags"]}, Block("compute_resources", inner))]


def _job_queue(thing: Thing) -> list[Block]:
    found = thing.properties
    orders = [
        Block(
            "compute_environment_order",
            {"order": order["Order"], "compute_environment": _resolved(order["ComputeEnvironment"])},
        )
        for order in found["ComputeEnvironmentOrder"]
    ]
    own = {"name": found["JobQueueName"], "priority": found["Priority"], "state": found["State"]}
    return [_resource(thing, {**own, "tags": found["Tags"]}, *orders)]


def _repository(thing: Thing) -> list[Block]:
    found = thing.properties
    scan = Block("image_scanning_configuration", {"scan_on_push": found["ImageScanningConfiguration"]["ScanOnPush"]})
    own = {"name": found["RepositoryName"], "image_tag_mutability": found["ImageTagMutability"], "tags": _tags(found)}
    return [_resource(thing, own, scan)]


def _subscription(thing: Thing) -> list[Block]:
    found = thing.properties
    own = {"topic_arn": found["TopicArn"], "protocol": found["Protocol"], "endpoint": found["Endpoint"]}
    return [_resource(thing, own)]


def _plain(**words: str) -> Callable[[Thing], list[Block]]:
    """Attribute -> property, for what is one flat resource."""

    def blocks(thing: Thing) -> list[Block]:
        found = {attribute: thing.properties[name] for attribute, name in words.items()}
        return [_resource(thing, {**found, "tags": _tags(thing.properties)})]

    return blocks


BLOCKS: dict[str, Callable[[Thing], list[Block]]] = {
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
    "AWS::IAM::Role": _role,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::Batch::ComputeEnvironment": _compute_environment,
    "AWS::Batch::JobQueue": _job_queue,
    "AWS::ECR::Repository": _repository,
    "AWS::SNS::Topic": _plain(name="TopicName", kms_master_key_id="KmsMasterKeyId"),
    "AWS::SNS::Subscription": _subscription,
    "AWS::SQS::Queue": _plain(
        name="QueueName",
        message_retention_seconds="MessageRetentionPeriod",
        sqs_managed_sse_enabled="SqsManagedSseEnabled",
    ),
    "AWS::Scheduler::ScheduleGroup": _plain(name="Name"),
    "AWS::Logs::LogGroup": _plain(name="LogGroupName", retention_in_days="RetentionInDays"),
}


def _tags(properties: dict[str, Any]) -> dict[str, Any]:
    return {tag["Key"]: tag["Value"] for tag in properties["Tags"]}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
