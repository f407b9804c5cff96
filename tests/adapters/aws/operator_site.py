"""What an operator prepares for jobs, on the emulator: roles, queue, log group, image."""

from __future__ import annotations

import json
from typing import Any

from tests.adapters.aws import cloud, live
from toolkit.adapters.aws.client import client
from toolkit.adapters.aws.jobs import image_tag
from toolkit.adapters.aws.names import Names
from toolkit.ports import Settings

MANIFEST = json.dumps(
    {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": {}, "layers": []}
)


def service(settings: Settings, name: str) -> Any:
    return client(name, cloud.REGION, settings["services_endpoint"])


def make(**more: object) -> Settings:
    """The settings of a new target with all that its jobs need."""
    settings = {**cloud.bucket(), **more}
    if live.session is None:
        prepare(settings)
    return settings


def prepare(settings: Settings) -> None:
    own = Names(settings["stem"])
    for role in ("job", "retrain", "start"):
        make_role(settings, own.role(role), "ecs-tasks.amazonaws.com")
    make_queue(settings, own.queue)
    service(settings, "logs").create_log_group(logGroupName=own.job_group)
    registry = service(settings, "ecr")
    registry.create_repository(repositoryName=own.repository)
    registry.put_image(repositoryName=own.repository, imageManifest=MANIFEST, imageTag=image_tag())


def make_role(settings: Settings, name: str, trusted: str) -> str:
    principal = {"Effect": "Allow", "Principal": {"Service": trusted}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [principal]})
    return str(service(settings, "iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])


def make_queue(settings: Settings, name: str, *, cpus: int = 64, kind: str = "FARGATE", state: str = "ENABLED") -> None:
    """With its compute environment of the same name. `state` is the environment's."""
    batch, network = service(settings, "batch"), service(settings, "ec2")
    subnet = network.describe_subnets()["Subnets"][0]
    group = network.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    resources: dict[str, Any] = {"type": kind, "maxvCpus": cpus, "subnets": [subnet["SubnetId"]],
                                 "securityGroupIds": [group]}  # fmt: skip
    if "FARGATE" not in kind:
        profile = f"{name}-machine"
        role = make_role(settings, profile, "ec2.amazonaws.com")
        found = service(settings, "iam").create_instance_profile(InstanceProfileName=profile)["InstanceProfile"]
        service(settings, "iam").add_role_to_instance_profile(InstanceProfileName=profile, RoleName=profile)
        resources |= {"minvCpus": 0, "desiredvCpus": 0, "instanceTypes": ["m5.large"], "instanceRole": found["Arn"]}
        assert role
    made = batch.create_compute_environment(
        computeEnvironmentName=name, type="MANAGED", state=state, computeResources=resources,
        serviceRole=make_role(settings, f"{name}-batch", "batch.amazonaws.com"),
    )  # fmt: skip
    order = [{"order": 1, "computeEnvironment": made["computeEnvironmentArn"]}]
    batch.create_job_queue(jobQueueName=name, priority=1, state="ENABLED", computeEnvironmentOrder=order)
