"""The things as a CloudFormation template: the same records, in YAML, with `!Sub` where a placeholder stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from toolkit.adapters.aws.operator.things import Given, Of, Place, Thing, things
from toolkit.adapters.aws.policies import Site

PLACEHOLDERS = Site(
    stem="${Stem}",
    bucket="${BucketName}",
    prefix="${Prefix}",
    secrets="${Secrets}",
    namespace="${Namespace}",
    account="${AWS::AccountId}",
    region="${AWS::Region}",
    partition="${AWS::Partition}",
)
PLACE = Place("${Project}", "${Target}", Given("Vpc"), Given("Subnets"))
KEPT = {"AWS::S3::Bucket", "AWS::S3::BucketPolicy"}  # outlive their stack: the bucket is the database

_NAME = r"[a-z][a-z0-9-]*"
_PATH = r"[A-Za-z0-9][A-Za-z0-9_./-]*"
# name -> (type, allowed pattern, what it is)
PARAMETERS: dict[str, tuple[str, str, str]] = {
    "Project": ("String", _NAME, "name of the project in toolkit.toml"),
    "Target": ("String", _NAME, "name of the target in toolkit.toml"),
    "Stem": (
        "String",
        rf"{_NAME}",
        "what every name begins with: project-target, or as `toolkit export iam` prints it",
    ),
    "BucketName": ("String", r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the bucket that is the database"),
    "Prefix": ("String", _PATH, "folder in the bucket: the project's name unless prefix is set"),
    "Secrets": ("String", _PATH, "folder of the secrets' names: project/target"),
    "Namespace": ("String", _PATH, "namespace of the metrics: project/target"),
    "Vpc": ("AWS::EC2::VPC::Id", "", "where jobs run"),
    "Subnets": ("List<AWS::EC2::Subnet::Id>", "", "of that VPC, with a way to S3, ECR and CloudWatch"),
}
OUTPUTS = {
    "Bucket": ("Bucket", "Name", 'bucket = "..." in [targets.<t>.aws]'),
    "Topic": ("AlertTopic", "Arn", 'topics = ["..."] in [targets.<t>.aws]'),
    "Deployer": ("DeployerRole", "Arn", "role_arn of the AWS profile that deploys"),
    "Repository": ("Repository", "Uri", "where toolkit image push puts the job image"),
}
_ATTRIBUTES = {"Id": "GroupId", "Arn": "Arn", "Uri": "RepositoryUri"}
_REFS = {("Bucket", "Name"), ("AlertTopic", "Arn"), ("ComputeEnvironment", "Arn")}


class Tag(str):
    """Text after a tag of CloudFormation's short form: `!Ref Bucket`."""

    __slots__ = ()


def template(
    defaults: dict[str, str] | None = None, *, site: Site = PLACEHOLDERS, subscribers: tuple[str, ...] = ()
) -> str:
    """YAML. `defaults` are values of parameters, so that one target's template asks for the network only; `site` and
    `subscribers` what no parameter says: one target's other queues and topics, and a subscription for each."""
    given, place = defaults or {}, replace(PLACE, subscribers=subscribers)
    found = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What an operator makes once for a target of toolkit (generated: see toolkit/adapters/aws)",
        "Parameters": {name: _parameter(*PARAMETERS[name], given.get(name, "")) for name in PARAMETERS},
        "Resources": {thing.id: _resource(thing) for thing in things(site, place)},
        "Outputs": {
            name: {"Description": text, "Value": _reference(Of(thing, attribute))}
            for name, (thing, attribute, text) in OUTPUTS.items()
        },
    }
    return "\n".join(_lines(found)) + "\n"


def _parameter(type_: str, pattern: str, text: str, default: str) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": type_, "Description": text}
    if pattern:
        found["AllowedPattern"] = pattern
    if default:
        found["Default"] = default
    return found


def _resource(thing: Thing) -> dict[str, Any]:
    found: dict[str, Any] = {"Type": thing.type}
    if thing.type in KEPT:
        found |= {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    if thing.after:
        found["DependsOn"] = list(thing.after)
    if thing.waivers:
        skipped = [{"id": check, "comment": reason} for check, reason in thing.waivers.items()]
        found["Metadata"] = {"checkov": {"skip": skipped}}
    found["Properties"] = _resolved(thing.properties)
    return found


def _resolved(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_resolved(item) for item in value]
    if isinstance(value, (Of, Given)):
        return _reference(value)
    if isinstance(value, str) and (whole := re.fullmatch(r"\$\{([^}]+)\}", value)):
        return Tag(f"!Ref {whole[1]}")
    if isinstance(value, str) and "${" in value:
        return Tag(f"!Sub {json.dumps(value)}")
    return value


def _reference(value: Of | Given) -> Tag:
    if isinstance(value, Given):
        return Tag(f"!Ref {value.name}")
    if (value.thing, value.attribute) in _REFS:
        return Tag(f"!Ref {value.thing}")
    return Tag(f"!GetAtt {value.thing}.{_ATTRIBUTES[value.attribute]}")


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    """YAML of dicts, lists and scalars: all that a template is made of."""
    if isinstance(value, dict):
        for key, item in value.items():
            plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", key) and key != "Null"
            yield from _entry(f"{indent}{key if plain else json.dumps(key)}:", item, indent)
    else:
        for item in value:
            yield from _item(item, indent)


def _entry(head: str, item: Any, indent: str) -> Iterator[str]:
    if isinstance(item, (dict, list)):
        yield head
        yield from _lines(item, f"{indent}  ")
    else:
        yield f"{head} {_scalar(item)}"


def _item(item: Any, indent: str) -> Iterator[str]:
    if not isinstance(item, (dict, list)):
        yield f"{indent}- {_scalar(item)}"
        return
    for number, line in enumerate(_lines(item, f"{indent}  ")):
        yield f"{indent}- {line.removeprefix(f'{indent}  ')}" if not number else line


def _scalar(value: Any) -> str:
    return value if isinstance(value, Tag) else json.dumps(value)
