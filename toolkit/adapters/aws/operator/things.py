"""What the operator makes, as data: types and properties are CloudFormation's own.

A property may be `Of(thing, attribute)`, which each rendering resolves in its own way, and strings may hold a
template's placeholders. `waivers` are checks of checkov that a thing fails on purpose, each with its reason.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from toolkit.adapters.aws import names, policies
from toolkit.adapters.aws.policies import Site

RETENTION_DAYS = 90
NONCURRENT_DAYS = 30
STALE_UPLOAD_DAYS = 2
UNDELIVERED_SECONDS = 14 * 86_400
MOST_VCPUS = 64
# What SNS asks of a subscriber by its protocol: it is not ours to do.
ASKED = {
    "email": "whoever reads it has to confirm, by the link in the e-mail that SNS sends",
    "https": "it has to confirm, by the SubscribeURL that SNS posts to it",
    "sqs": "the queue's own policy has to let sns.amazonaws.com send",
    "lambda": "it has to let sns.amazonaws.com call it: aws lambda add-permission",
}


@dataclass(frozen=True)
class Of:
    """Something of another thing that is known when that one is there: "Arn", "Id"."""

    thing: str
    attribute: str


@dataclass(frozen=True)
class Given:
    """Something that who makes it says: a parameter of the templates."""

    name: str


@dataclass(frozen=True)
class Thing:
    id: str
    type: str
    name: str
    properties: dict[str, Any]
    after: tuple[str, ...] = ()
    waivers: dict[str, str] = field(default_factory=dict)
    asked: str = ""  # what somebody else has to do once it is made


@dataclass(frozen=True)
class Place:
    """What a thing is part of: its tags, the network that jobs run in, and who is told of alerts."""

    project: str
    target: str
    vpc: Any
    subnets: Any
    subscribers: tuple[str, ...] = ()

    @property
    def tags(self) -> dict[str, str]:
        return {"managed-by": "toolkit", "project": self.project, "target": self.target}


def things(site: Site, place: Place, *, tls: bool = True) -> tuple[Thing, ...]:
    """All of it, what others need first."""
    return (
        *_bucket(site, place, tls),
        *_roles(site, place),
        *_jobs(site, place),
        *_messages(site, place),
        *_logs(site, place),
    )


def _bucket(site: Site, place: Place, tls: bool) -> tuple[Thing, ...]:
    rules = [
        {
            "Id": "stale-uploads", "Status": "Enabled", "Prefix": "",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": STALE_UPLOAD_DAYS},
        },
        {
            "Id": "old-versions", "Status": "Enabled", "Prefix": "",
            "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
        },
    ]  # fmt: skip
    blocked = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    bucket = Thing(
        "Bucket",
        "AWS::S3::Bucket",
        site.bucket,
        {
            "BucketName": site.bucket,
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            "LifecycleConfiguration": {"Rules": rules},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": dict.fromkeys(blocked, True),
            "VersioningConfiguration": {"Status": "Enabled"},
            "Tags": _tags(place),
        },
        waivers={
            "CKV_AWS_18": "who wrote what is in the journal, tamper-evident; access logs would need a second bucket",
            "CKV_AWS_144": "a second region is a choice of cost; toolkit's own copy moves a project between clouds",
            "CKV_AWS_145": "S3's own keys: a customer key costs per request and adds a way to lose the journal",
            "CKV2_AWS_62": "functions are called by schedules; nothing listens to the bucket",
        },
    )
    policy = Thing(
        "BucketPolicy",
        "AWS::S3::BucketPolicy",
        site.bucket,
        {
            "Bucket": Of("Bucket", "Name"),
            "PolicyDocument": policies.document(policies.bucket_policy(site, tls=tls)),
        },
    )
    return bucket, policy


def _roles(site: Site, place: Place) -> tuple[Thing, ...]:
    per_role = policies.roles(site)
    return tuple(
        Thing(
            "".join(part.title() for part in role.split("-")) + "Role",
            "AWS::IAM::Role",
            site.names.role(role),
            {
                "RoleName": site.names.role(role),
                "AssumeRolePolicyDocument": policies.document(policies.trust(role, site)),
                "Policies": [{"PolicyName": "toolkit", "PolicyDocument": policies.document(per_role[role])}],
                "Tags": _tags(place),
            },
        )
        for role in names.ROLES
    )


def _jobs(site: Site, place: Place) -> tuple[Thing, ...]:
    own = site.names
    group = Thing(
        "JobSecurityGroup",
        "AWS::EC2::SecurityGroup",
        own.security_group,
        {
            "GroupName": own.security_group,
            "GroupDescription": "toolkit jobs: nothing comes in, HTTPS goes out",
            "VpcId": place.vpc,
            "SecurityGroupEgress": [
                {
                    "CidrIp": "0.0.0.0/0", "Description": "S3, the registry and package indexes",
                    "FromPort": 443, "IpProtocol": "tcp", "ToPort": 443,
                }
            ],
            "Tags": _tags(place),
        },
        waivers={"CKV2_AWS_5": "the compute environment attaches it to every job"},
    )  # fmt: skip
    environment = Thing(
        "ComputeEnvironment",
        "AWS::Batch::ComputeEnvironment",
        own.queue,
        {
            "ComputeEnvironmentName": own.queue,
            "Type": "MANAGED",
            "State": "ENABLED",
            "ComputeResources": {
                "Type": "FARGATE",
                "MaxvCpus": MOST_VCPUS,
                "Subnets": place.subnets,
                "SecurityGroupIds": [Of("JobSecurityGroup", "Id")],
            },
            "Tags": place.tags,
        },
    )
    queue = Thing(
        "JobQueue",
        "AWS::Batch::JobQueue",
        own.queue,
        {
            "JobQueueName": own.queue,
            "Priority": 1,
            "State": "ENABLED",
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": Of("ComputeEnvironment", "Arn")}],
            "Tags": place.tags,
        },
    )
    repository = Thing(
        "Repository",
        "AWS::ECR::Repository",
        own.repository,
        {
            "RepositoryName": own.repository,
            "ImageScanningConfiguration": {"ScanOnPush": True},
            "ImageTagMutability": "IMMUTABLE",
            "Tags": _tags(place),
        },
        waivers={"CKV_AWS_136": "the image holds public packages only; ECR encrypts it with its own keys"},
    )
    return group, environment, queue, repository


def _messages(site: Site, place: Place) -> tuple[Thing, ...]:
    own = site.names
    topic = Thing(
        "AlertTopic",
        "AWS::SNS::Topic",
        own.topic,
        {"TopicName": own.topic, "KmsMasterKeyId": "alias/aws/sns", "Tags": _tags(place)},
    )
    undelivered = Thing(
        "Undelivered",
        "AWS::SQS::Queue",
        own.undelivered,
        {
            "QueueName": own.undelivered,
            "MessageRetentionPeriod": UNDELIVERED_SECONDS,
            "SqsManagedSseEnabled": True,
            "Tags": _tags(place),
        },
        waivers={"CKV_AWS_27": "SQS encrypts it with its own keys"},
    )
    group = Thing(
        "ScheduleGroup",
        "AWS::Scheduler::ScheduleGroup",
        own.schedule_group,
        {"Name": own.schedule_group, "Tags": _tags(place)},
    )
    return topic, *map(_subscription, place.subscribers), undelivered, group


def _subscription(endpoint: str) -> Thing:
    """Called after whom it tells, so that another order of the list is no other subscription."""
    return Thing(
        f"Subscriber{hashlib.sha256(endpoint.encode()).hexdigest()[:12]}",
        "AWS::SNS::Subscription",
        endpoint,
        {"TopicArn": Of("AlertTopic", "Arn"), "Protocol": protocol(endpoint), "Endpoint": endpoint},
        asked=ASKED[protocol(endpoint)],
    )


def protocol(endpoint: str) -> str:
    """SNS's word for what kind of subscriber it is."""
    if endpoint.startswith("arn:"):
        return endpoint.split(":")[2]
    return "https" if endpoint.startswith("https://") else "email"


def _logs(site: Site, place: Place) -> tuple[Thing, ...]:
    waivers = {
        "CKV_AWS_158": "logs hold no features and no secrets; CloudWatch encrypts them with its own keys",
        "CKV_AWS_338": f"{RETENTION_DAYS} days: what has to outlive that is in the journal",
    }
    groups = {"JobLogs": site.names.job_group, "Metrics": site.metrics_group}
    return tuple(
        Thing(
            thing,
            "AWS::Logs::LogGroup",
            name,
            {"LogGroupName": name, "RetentionInDays": RETENTION_DAYS, "Tags": _tags(place)},
            waivers=waivers,
        )
        for thing, name in groups.items()
    )


def _tags(place: Place) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in place.tags.items()]
