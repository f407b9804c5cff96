"""`[targets.<t>.aws]`: where things are. Credentials never: boto3's default chain finds them (`aws configure sso`)."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from toolkit.adapters.aws.names import EMULATED_REGION, ROLES, bucket
from toolkit.domain import names, secret
from toolkit.domain.errors import ConfigError
from toolkit.domain.settings import MAX_PREFIX, Prefix, Url

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}")
_SUBSCRIBER = re.compile(
    r"[\w.!#%&'*+/=?^|~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"  # an e-mail address
    r"|https://[A-Za-z0-9.-]+(:\d+)?(/[\w.~:/?@!&'()*+,;=%-]*)?"
    r"|arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}"  # no .fifo: a standard topic does not take it
    r"|arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_:-]+",
    re.ASCII,
)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9+=,.@_/-]+")
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*")


class AwsSettings(BaseModel):
    """Validated with `context={"directory": Path, "target": str, "project": str}`; names come out complete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emulator: Literal["", "moto", "ministack"] = Field(
        "", description="play AWS on this machine: `toolkit dev` starts it"
    )
    emulator_address: Url = Field("", description="where the emulator is, when something else has started it (tests)")
    stem: str = Field("", description="what the names of all that belongs to the target begin with")
    region: str = Field("", description="where the bucket and all else are; default: the AWS profile's own region")
    bucket: str = Field("", description="the bucket that is the database; your operator makes it once")
    prefix: Prefix = Field("", description="folder in the bucket; default: the project's name")
    endpoint: Url = Field("", description="another server that speaks S3, with preconditions; default: AWS")
    listing: Literal["flat", "folders"] = Field(
        "flat", description='"folders" for an endpoint that lists folder by folder (SeaweedFS)'
    )
    services_endpoint: Url = Field("", description="where the services other than S3 are; default: AWS (for emulators)")
    topics: list[str] = Field([], description="SNS topics (ARNs) that alerts are published to")
    subscribers: list[str] = Field(
        [], description="who hears the operator's topic: e-mail addresses, https URLs, ARNs of SQS queues and functions"
    )
    secrets: str = Field("", description="folder of the secrets' names; default: project/target")
    parameters: list[str] = Field(
        [], description="names that are no secrets: `secrets set` keeps them in SSM, free, up to 4 KB of text each"
    )
    namespace: str = Field("", description="namespace of the metrics; default: project/target")
    roles: dict[str, str] = Field({}, description="ARNs of roles with other names: inference, drift-check, scheduler")
    subnets: list[str] = Field([], description="where bootstrap lets jobs run; default: those of the default VPC")
    queue: str = Field("", description="Batch queue of the jobs, on Fargate; default: the one that bootstrap makes")
    ec2_queue: str = Field("", description="Batch queue on EC2, for what Fargate does not have: GPUs, large machines")
    spot_queue: str = Field("", description="Batch queue on spot machines (Fargate or EC2), for jobs that ask for them")
    image: str = Field("", description="image of the jobs; default: what `toolkit image push` made for this version")
    job_architecture: Literal["x86_64", "arm64"] = Field("x86_64", description="of the jobs' image")
    public_ip: bool = Field(True, description="jobs get a public address; false where their subnets have a NAT gateway")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any, info: ValidationInfo) -> Any:
        """An empty prefix that was written down is the bucket's root; one that was not is the project."""
        context = info.context or {}
        project, target = context.get("project", ""), context.get("target", "")
        here = "/".join(filter(None, (project, target))) or "toolkit"
        own = names.stem(project, target) if project and target else "toolkit"
        defaults = {"stem": own, "prefix": project, "secrets": here, "namespace": here}
        if not isinstance(given, dict):
            return given
        if given.get("emulator"):  # nothing has to be said of what an operator would have chosen
            region = given.get("region") or EMULATED_REGION
            defaults |= {"region": region, "bucket": bucket(given.get("stem") or own, "local", region)}
        return {**defaults, **given}

    @field_validator("region")
    @classmethod
    def _a_region(cls, value: str) -> str:
        if value and not _REGION.fullmatch(value):
            raise ValueError(f"{value!r} is not a region: write it like eu-west-1")
        return value

    @field_validator("bucket")
    @classmethod
    def _a_bucket(cls, value: str) -> str:
        if value and not _BUCKET.fullmatch(value):
            raise ValueError(f"{value!r} is not a bucket's name: 3-63 of a-z, 0-9, dots and hyphens, without s3://")
        return value

    @field_validator("topics")
    @classmethod
    def _topics(cls, value: list[str]) -> list[str]:
        for topic in value:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(
                    f"{topic!r} is not the ARN of a standard SNS topic: arn:aws:sns:eu-west-1:123456789012:alerts"
                )
        return value

    @field_validator("parameters")
    @classmethod
    def _parameters(cls, value: list[str]) -> list[str]:
        try:
            return sorted({secret.check_name(name) for name in value})
        except ConfigError as error:
            raise ValueError(error.message) from error

    @model_validator(mode="after")
    def _a_folder_of_ssm(self) -> AwsSettings:
        if self.parameters and self.secrets.lower().startswith(("aws", "ssm")):
            raise ValueError(f"parameters: SSM takes no names that begin with {self.secrets[:3]}: set secrets = ...")
        return self

    @field_validator("subscribers")
    @classmethod
    def _subscribers(cls, value: list[str]) -> list[str]:
        for one in value:
            if not _SUBSCRIBER.fullmatch(one):
                raise ValueError(
                    f"{one!r} cannot be told of alerts: write an e-mail address, an https:// URL without a password, "
                    "or the ARN of a standard SQS queue or of a function"
                )
        return list(dict.fromkeys(value))

    @field_validator("roles")
    @classmethod
    def _roles(cls, value: dict[str, str]) -> dict[str, str]:
        for role, arn in value.items():
            if role not in ROLES or not _ROLE.fullmatch(arn):
                raise ValueError(f"{role} = {arn!r}: write one of {', '.join(ROLES)} and the ARN of an IAM role")
        return value

    @field_validator("secrets", "namespace")
    @classmethod
    def _a_path(cls, value: str) -> str:
        if not _PATH.fullmatch(value) or len(value) > MAX_PREFIX:
            raise ValueError(f"{value!r}: write names of letters, digits, _ . and - joined by /")
        return value
