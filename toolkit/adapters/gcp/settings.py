"""`[targets.<t>.gcp]`: where things are. Credentials never: application default ones are found by google-auth."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from toolkit.domain import names
from toolkit.domain.settings import Prefix, Url

EMULATED_PROJECT = "emulated-project"
EMULATED_REGION = "europe-west1"

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]")
_REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_TOPIC = re.compile(r"projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/topics/[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_ACCOUNT = re.compile(r"[a-z0-9-]{1,63}@[a-z0-9.-]+\.gserviceaccount\.com")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}")
_NETWORK = re.compile(r"projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/global/networks/[a-z][a-z0-9-]{0,62}")
_SUBNETWORK = re.compile(r"projects/[a-z][a-z0-9-]{4,28}[a-z0-9]/regions/[a-z0-9-]+/subnetworks/[a-z][a-z0-9-]{0,62}")
_KIND = re.compile(r"[a-z][a-z0-9-]{1,62}")


class GcpSettings(BaseModel):
    """Validated with `context={"directory": Path, "target": str, "project": str}`; names come out complete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emulator: Literal["", "google"] = Field(
        "", description="play Google Cloud on this machine: `toolkit dev` starts it"
    )
    emulator_address: Url = Field("", description="where the emulator is, when something else has started it (tests)")
    stem: str = Field("", description="what the names of all that belongs to the target begin with")
    project: str = Field("", description="the Google Cloud project's id")
    region: str = Field("", description="where functions, jobs and schedules are, like europe-west1")
    bucket: str = Field("", description="the bucket that is the database; your operator makes it once")
    prefix: Prefix = Field("", description="folder in the bucket; default: the toolkit project's name")
    endpoint: Url = Field("", description="another server that speaks the storage API; default: Google's")
    services_endpoint: Url = Field("", description="where the services other than storage are; default: Google's")
    topics: list[str] = Field([], description="Pub/Sub topics (projects/P/topics/T) that alerts are published to")
    accounts: dict[str, str] = Field({}, description="service accounts with other names: inference, drift-check, ...")
    invoker: str = Field("", description="service account to call functions as, where you are not one yourself")
    pipeline: str = Field(
        "", description="GitHub repository (owner/name) that may deploy from its environment of the target's name"
    )
    min_instances: int = Field(0, ge=0, le=100, description="instances of an inference function that are always there")
    ingress: Literal["all", "internal", "internal-and-load-balancer"] = Field(
        "all", description="from where functions can be reached; who may call is another matter (IAM)"
    )
    batch: Literal["never", "needed", "always"] = Field(
        "never", description="jobs by Batch: those that Cloud Run has no machine for (GPUs, spot, over 7 days), or all"
    )
    accelerator: str = Field(
        "", description="the kind of GPU that Batch gives to jobs that ask for any: nvidia-l4, ..."
    )
    machine_type: str = Field("", description="machines of Batch, like g2-standard-8; default: Batch chooses")
    network: str = Field("", description="the VPC network of Batch's machines; default: the project's default network")
    subnetwork: str = Field(
        "", description="their subnetwork, with Private Google Access: there they get no public address"
    )
    image: str = Field("", description="image of jobs and functions; default: what `toolkit image push` made")

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any, info: ValidationInfo) -> Any:
        """An empty prefix that was written down is the bucket's root; one that was not is the project."""
        context = info.context or {}
        project, target = context.get("project", ""), context.get("target", "")
        own = names.stem(project, target) if project and target else "toolkit"
        defaults = {"stem": own, "prefix": project}
        if not isinstance(given, dict):
            return given
        if given.get("emulator"):  # nothing has to be said of what an operator would have chosen
            stem = given.get("stem") or own
            bucket = names.resource(stem, EMULATED_PROJECT)
            defaults |= {"project": EMULATED_PROJECT, "region": EMULATED_REGION, "bucket": bucket}
        return {**defaults, **given}

    @field_validator("project")
    @classmethod
    def _a_project(cls, value: str) -> str:
        if value and not _PROJECT.fullmatch(value):
            raise ValueError(f"{value!r} is not a project's id: 6-30 of a-z, 0-9 and hyphens, a letter first")
        return value

    @field_validator("region")
    @classmethod
    def _a_region(cls, value: str) -> str:
        if value and not _REGION.fullmatch(value):
            raise ValueError(f"{value!r} is not a region: write it like europe-west1")
        return value

    @field_validator("bucket")
    @classmethod
    def _a_bucket(cls, value: str) -> str:
        if value and not _BUCKET.fullmatch(value):
            raise ValueError(f"{value!r} is not a bucket's name: 3-63 of a-z, 0-9, - _ and dots, without gs://")
        return value

    @field_validator("topics")
    @classmethod
    def _topics(cls, value: list[str]) -> list[str]:
        for topic in value:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(f"{topic!r} is not a Pub/Sub topic: write projects/my-project/topics/alerts")
        return value

    @field_validator("invoker")
    @classmethod
    def _an_account(cls, value: str) -> str:
        if value and not _ACCOUNT.fullmatch(value):
            raise ValueError(f"{value!r} is not a service account: name@project.iam.gserviceaccount.com")
        return value

    @field_validator("pipeline")
    @classmethod
    def _a_repository(cls, value: str) -> str:
        if value and not _REPOSITORY.fullmatch(value):
            raise ValueError(f"{value!r} is not a repository: write owner/name")
        return value

    @field_validator("network", "subnetwork")
    @classmethod
    def _a_network(cls, value: str, info: ValidationInfo) -> str:
        inner = info.field_name == "subnetwork"
        pattern, where = (_SUBNETWORK, "regions/R/subnetworks/S") if inner else (_NETWORK, "global/networks/N")
        if value and not pattern.fullmatch(value):
            raise ValueError(f"{value!r}: write a {info.field_name} in full, projects/P/{where}")
        if inner and value and not info.data.get("network"):
            raise ValueError("a subnetwork needs its network too")
        return value

    @field_validator("accelerator", "machine_type")
    @classmethod
    def _a_kind(cls, value: str) -> str:
        if value and not _KIND.fullmatch(value):
            raise ValueError(f"{value!r} is not one of Compute Engine: a-z, 0-9 and hyphens, like nvidia-l4")
        return value

    @field_validator("accounts")
    @classmethod
    def _accounts(cls, value: dict[str, str]) -> dict[str, str]:
        from toolkit.adapters.gcp.names import ROLES

        for role, account in value.items():
            if role not in ROLES or not _ACCOUNT.fullmatch(account):
                raise ValueError(f"{role} = {account!r}: write one of {', '.join(ROLES)} and a service account")
        return value
