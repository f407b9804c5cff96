"""Who called what, and what allows it: sessions that take roles on and record, and IAM's own question asked statically.

`Cast` gives every role a session of its own on a server that enforces policies; all that the adapters send while a role
is acting is recorded with its parameters. `needs` says which (action, resource) pairs AWS asks for a call, among them
those that no emulator asks for (iam:PassRole).
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import boto3
import pytest

from toolkit.adapters.aws import client as clients
from toolkit.adapters.aws.policies import Site, Statement


@dataclass(frozen=True)
class Call:
    role: str
    service: str
    operation: str
    params: dict[str, Any] = field(hash=False, compare=False)


class Cast:
    """Sessions by role; "" is the account's root."""

    def __init__(self, address: str, region: str, patch: pytest.MonkeyPatch) -> None:
        self._address, self._region = address, region
        self._acting = ""
        patch.setattr(clients, "_session", lambda *_: self._sessions[self._acting])
        self._sessions: dict[str, Any] = {"": self._session("test", "test", "")}
        self._lock = threading.Lock()
        self.calls: list[Call] = []

    def admit(self, role: str, arn: str) -> None:
        """Take the role on."""
        given = self.client("", "sts").assume_role(RoleArn=arn, RoleSessionName="proof")["Credentials"]
        self._sessions[role] = self._session(
            given["AccessKeyId"], given["SecretAccessKey"], role, given["SessionToken"]
        )

    def client(self, role: str, service: str) -> Any:
        from botocore.config import Config

        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=30)
        return self._sessions[role].client(service, region_name=self._region, endpoint_url=self._address, config=config)

    @contextmanager
    def acting(self, role: str) -> Iterator[None]:
        """All that is opened inside calls as the role."""
        before, self._acting = self._acting, role
        clients.client.cache_clear()
        try:
            yield
        finally:
            self._acting = before
            clients.client.cache_clear()

    def _session(self, key: str, secret: str, role: str, token: str = "") -> Any:
        session = boto3.session.Session(key, secret, token or None, self._region)

        def record(params: dict[str, Any], model: Any, **_: Any) -> None:
            kept = {name: value if isinstance(value, bytes) else copy.deepcopy(value) for name, value in params.items()}
            with self._lock:
                self.calls.append(Call(role, model.service_model.service_name, model.name, kept))

        def missing(http_response: Any, context: Any, model: Any, **_: Any) -> None:
            if http_response.status_code == 404 and model.name in {"GetObject", "HeadObject"}:
                with self._lock:
                    self.calls.append(Call(role, "s3", MISSING, {"Bucket": context["Bucket"]}))

        def keep(params: dict[str, Any], context: Any, **_: Any) -> None:
            context["Bucket"] = params.get("Bucket", "")

        session.events.register("provide-client-params.*.*", record)
        session.events.register("provide-client-params.s3.*", keep)
        session.events.register("after-call.s3.*", missing)
        return session


OBJECT_ACTIONS = {
    "GetObject": "GetObject", "HeadObject": "GetObject", "PutObject": "PutObject", "DeleteObject": "DeleteObject",
    "CreateMultipartUpload": "PutObject", "UploadPart": "PutObject", "CompleteMultipartUpload": "PutObject",
    "AbortMultipartUpload": "AbortMultipartUpload",
}  # fmt: skip
OVER_URL = "InvokeFunctionUrl"  # asks for InvokeFunction too
MISSING = "(a key that is not there)"  # told by a 404 only to those who may list; else by a 403
BUCKET_ACTIONS = {
    "ListObjectsV2": "ListBucket", "HeadBucket": "ListBucket", MISSING: "ListBucket",
    "GetBucketVersioning": "GetBucketVersioning", "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
}  # fmt: skip
# Operations that are allowed by an action of another name, and those that nobody has to be allowed.
RENAMED = {("lambda", "Invoke"): "InvokeFunction"}
FREE = {("sts", "GetCallerIdentity")}
ANYWHERE = {
    "batch:DescribeJobDefinitions", "batch:DescribeJobs", "batch:ListJobs", "ecr:GetAuthorizationToken",
    "lambda:ListFunctions", "scheduler:ListSchedules", "secretsmanager:ListSecrets",
    "batch:DescribeComputeEnvironments", "batch:DescribeJobQueues", "lambda:GetAccountSettings",
    "logs:DescribeLogGroups",
}  # fmt: skip
Need = tuple[str, str, dict[str, str]]


def needs(call: Call, site: Site) -> list[Need]:
    """(action, resource, condition keys) that AWS asks for."""
    key = (call.service, call.operation)
    if key in FREE:
        return []
    if call.service == "s3":
        return [_of_s3(call)]
    action = f"{call.service}:{RENAMED.get(key, call.operation)}"
    if action in ANYWHERE:
        return [(action, "*", {})]
    resources = _RESOURCES[call.service](call, site)
    found: list[Need] = [(action, resource, {}) for resource in resources]
    found += [("lambda:InvokeFunction", resource, {}) for resource in resources if call.operation == OVER_URL]
    found += [("iam:PassRole", role, {"iam:PassedToService": to}) for role, to in _passed(call)]
    return found + _tagged(call, site)


def _of_s3(call: Call) -> Need:
    params, bucket = call.params, f"arn:aws:s3:::{call.params['Bucket']}"
    if call.operation in BUCKET_ACTIONS:
        keys = {"s3:prefix": params["Prefix"]} if "Prefix" in params else {}
        return f"s3:{BUCKET_ACTIONS[call.operation]}", bucket, keys
    return f"s3:{OBJECT_ACTIONS[call.operation]}", f"{bucket}/{params['Key']}", {}


def _function(call: Call, site: Site) -> list[str]:
    name = call.params.get("FunctionName") or call.params["Resource"]
    return [name if name.startswith("arn:") else site.arn("lambda", f"function:{name}")]


def _batch(call: Call, site: Site) -> list[str]:
    params = call.params
    if call.operation == "SubmitJob":
        return [params["jobDefinition"], site.arn("batch", f"job-queue/{params['jobQueue']}")]
    if call.operation == "RegisterJobDefinition":
        return [site.arn("batch", f"job-definition/{params['jobDefinitionName']}")]
    return [site.arn("batch", f"job/{params['jobId']}")]


def _logs(call: Call, site: Site) -> list[str]:
    if "resourceArn" in call.params:
        return [call.params["resourceArn"]]
    return [site.arn("logs", f"log-group:{call.params['logGroupName']}:*")]


_RESOURCES: dict[str, Any] = {
    "lambda": _function,
    "batch": _batch,
    "logs": _logs,
    "ecr": lambda call, site: [site.arn("ecr", f"repository/{call.params['repositoryName']}")],
    "iam": lambda call, site: [
        call.params.get("PolicySourceArn") or site.arn("iam", f"role/{call.params['RoleName']}", region=False)
    ],
    "sns": lambda call, site: [call.params["TopicArn"]],
    "scheduler": lambda call, site: [
        site.arn("scheduler", f"schedule/{call.params['GroupName']}/{call.params['Name']}")
    ],
    "secretsmanager": lambda call, site: [
        site.arn("secretsmanager", f"secret:{call.params.get('SecretId') or call.params['Name']}-AbCdEf")
    ],
    "ssm": lambda call, site: [
        site.arn("ssm", f"parameter{name}") for name in call.params.get("Names", [call.params.get("Name", "")])
    ],
}


def _passed(call: Call) -> list[tuple[str, str]]:
    params = call.params
    if call.operation in {"CreateFunction", "UpdateFunctionConfiguration"}:
        return [(params["Role"], "lambda.amazonaws.com")]
    if call.operation == "RegisterJobDefinition":
        container = params["containerProperties"]
        return [(container[name], "ecs-tasks.amazonaws.com") for name in ("jobRoleArn", "executionRoleArn")]
    if call.operation in {"CreateSchedule", "UpdateSchedule"}:
        return [(params["Target"]["RoleArn"], "scheduler.amazonaws.com")]
    return []


def _tagged(call: Call, site: Site) -> list[Need]:
    """Making something with tags asks for its service's TagResource too."""
    if not (call.params.get("tags") or call.params.get("Tags")) or call.operation == "TagResource":
        return []
    if call.service == "logs":
        return [("logs:TagResource", site.arn("logs", f"log-group:{call.params['logGroupName']}"), {})]
    if call.service == "ssm":
        return [("ssm:AddTagsToResource", _RESOURCES["ssm"](call, site)[0], {})]
    if call.operation == "SubmitJob":
        return [("batch:TagResource", site.arn("batch", "job/0"), {})]
    return [(f"{call.service}:TagResource", _RESOURCES[call.service](call, site)[0], {})]


def allows(statement: Statement, need: Need) -> bool:
    action, resource, keys = need
    return (
        action in statement.actions
        and any(_like(resource, pattern) for pattern in statement.resources)
        and _conditions(statement.conditions, keys)
    )


def _conditions(conditions: dict[str, dict[str, Any]], keys: dict[str, str]) -> bool:
    for operator, wanted in conditions.items():
        for key, pattern in wanted.items():
            if operator.endswith("IfExists") and key not in keys:
                continue
            if key not in keys or not _like(keys[key], pattern):
                return False
    return True


def _like(text: str, pattern: str) -> bool:
    return fnmatchcase(text, pattern.replace("[", "[[]"))


# What ministack asks for where AWS asks for something else, and where it knows no resource.
_ASKED_AS = {
    "lambda:UpdateAlias": "lambda:ListAliases",
    "lambda:GetAlias": "lambda:ListAliases",
    "lambda:UpdateFunctionUrlConfig": "lambda:CreateFunctionUrlConfig",
}
_BLIND = ("batch:", "scheduler:", "lambda:CreateFunction")


def for_ministack(statements: Iterable[Statement]) -> dict[str, Any]:
    """The policy in ministack's words: it knows no resources of Batch and the scheduler, names log groups without what
    lies in them, and asks for other actions here and there."""
    found = []
    for statement in statements:
        blind = {action for action in statement.actions if action.startswith(_BLIND)}
        for number, (actions, resources) in enumerate(
            [(blind, ["*"]), (set(statement.actions) - blind, [_plain(one) for one in statement.resources])]
        ):
            if actions:
                asked = sorted({_ASKED_AS.get(action, action) for action in actions})
                words = {"Sid": f"{statement.sid}{number}", "Action": asked, "Resource": resources}
                found.append({**statement.document(), **words})
    return {"Version": "2012-10-17", "Statement": found}


def _plain(resource: str) -> str:
    return resource.removesuffix(":*") if ":logs:" in resource else resource


def without(statements: tuple[Statement, ...], index: int) -> tuple[Statement, ...]:
    return statements[:index] + statements[index + 1 :]


def text(document: dict[str, Any]) -> str:
    return json.dumps(document)


# Calls that AWS makes itself as a role, on nobody's wire: Fargate before a job, Lambda for a function's log, the
# scheduler at its time; and those that `image push` makes over the registry's own protocol.
MADE_BY_AWS: dict[str, tuple[tuple[str, str], ...]] = {
    "start": (
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:BatchCheckLayerAvailability", "{repository}"),
        ("ecr:BatchGetImage", "{repository}"),
        ("ecr:GetDownloadUrlForLayer", "{repository}"),
        ("logs:CreateLogStream", "{job_logs}"),
        ("logs:PutLogEvents", "{job_logs}"),
    ),
    "scheduler": (("lambda:InvokeFunction", "{function}"), ("sqs:SendMessage", "{undelivered}")),
    "inference": (("logs:CreateLogStream", "{function_logs}"), ("logs:PutLogEvents", "{function_logs}")),
    "drift-check": (("logs:CreateLogStream", "{function_logs}"), ("logs:PutLogEvents", "{function_logs}")),
    "deployer": (
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:BatchCheckLayerAvailability", "{repository}"),
        ("ecr:BatchGetImage", "{repository}"),
        ("ecr:CompleteLayerUpload", "{repository}"),
        ("ecr:GetDownloadUrlForLayer", "{repository}"),
        ("ecr:InitiateLayerUpload", "{repository}"),
        ("ecr:PutImage", "{repository}"),
        ("ecr:UploadLayerPart", "{repository}"),
    ),
}


def made_by_aws(role: str, site: Site) -> list[Need]:
    function = f"{site.names.functions}inference"
    places = {
        "repository": site.arn("ecr", f"repository/{site.names.repository}"),
        "job_logs": site.group(site.names.job_group),
        "function": site.arn("lambda", f"function:{function}:live"),
        "function_logs": site.group(site.names.function_group(function)),
        "undelivered": site.arn("sqs", site.names.undelivered),
    }
    return [(action, resource.format(**places), {}) for action, resource in MADE_BY_AWS.get(role, ())]
