"""What everything on AWS is called, worked out from the project and the target.

An operator makes some of it once (bucket, roles, queue, repository, topic ...), adapters make the rest (functions, job
definitions, schedules); both take the names from here, so that neither has to be told what the other one chose. All of
a target begins with its stem, so that a policy can be about one target.

AWS's limits, which every stem leaves room for: role 64 characters, function 64, scheduler group and schedule 64, queue
and job definition 128, ECR repository 256, SQS queue 80, bucket 63 (and one namespace for the whole world: so a
bucket's name holds account and region).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from toolkit.domain.names import resource, stem

EMULATED_REGION = "us-east-1"  # of an emulator, where none is chosen

# Whom a role is for. A job that trains runs a person's code and may touch state only; one that retrains also deploys.
# "start" is what Fargate is before a job's container runs: it pulls the image and writes the log.
# "deployer" is taken on by whoever runs the command line.
ROLES = ("inference", "drift-check", "job", "retrain", "start", "scheduler", "deployer")


@dataclass(frozen=True)
class Names:
    """The names of one target; `stem` is `toolkit.domain.names.stem(project, target)`, as the settings hold it."""

    stem: str

    @classmethod
    def of(cls, project: str, target: str) -> Names:
        return cls(stem(project, target))

    def role(self, role: str) -> str:
        """One of ROLES."""
        if role not in ROLES:
            raise ValueError(f"no such role: {role}")
        return f"{self.stem}-{role}"

    def function_role(self, tags: Mapping[str, str]) -> str:
        """The role of a function by its tags (`role`); one that nobody knows gets the one that may least."""
        return self.role("drift-check" if tags.get("role") == "drift-check" else "inference")

    def job_role(self, tags: Mapping[str, str]) -> str:
        """The role of a job by its tags (`step`)."""
        return self.role("retrain" if tags.get("step") == "retrain" else "job")

    @property
    def queue(self) -> str:
        """The Batch job queue and its compute environment."""
        return f"{self.stem}-jobs"

    @property
    def job_definition(self) -> str:
        """What the name of every job definition begins with."""
        return f"{self.stem}-job-"

    @property
    def job_group(self) -> str:
        """The log group of the jobs."""
        return f"/toolkit/{self.stem}/jobs"

    @property
    def repository(self) -> str:
        """The ECR repository of the job image."""
        return f"{self.stem}-image"

    @property
    def topic(self) -> str:
        return f"{self.stem}-alerts"

    @property
    def undelivered(self) -> str:
        """The SQS queue where events go that no function took."""
        return f"{self.stem}-undelivered"

    @property
    def schedule_group(self) -> str:
        return self.stem

    @property
    def functions(self) -> str:
        """What the name of every function begins with."""
        return f"{self.stem}-"

    def function_group(self, function: str) -> str:
        """The log group of a function."""
        return f"/aws/lambda/{function}"

    @property
    def security_group(self) -> str:
        """Of the jobs: nothing comes in."""
        return f"{self.stem}-jobs"


def bucket(stem: str, account: str, region: str) -> str:
    """The bucket's name where nobody chose one: `{stem}-{account}-{region}`, cut to fit."""
    return resource(stem, account, region)
