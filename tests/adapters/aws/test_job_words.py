"""What Batch says, in our words: one row a way in which a job can stand or end."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.adapters.aws import job_words
from toolkit.execution import limited

BASE: dict[str, Any] = {"jobName": "p-t-a", "jobId": "1", "createdAt": 1_000, "tags": {"toolkit:name": "a", "k": "v"}}


def job(status: str, said: str = "", **fields: Any) -> dict[str, Any]:
    return {**BASE, "status": status, "statusReason": said, **fields}


def ended(code: int | None = None, reason: str = "", **more: Any) -> dict[str, Any]:
    found = {"reason": reason, "image": "registry/image:1", **more}
    return {"container": found if code is None else {**found, "exitCode": code}}


EXITED = "Essential container in task exited"
MEMORY = {"resourceRequirements": [{"type": "MEMORY", "value": "512"}, {"type": "VCPU", "value": "1"}]}


@pytest.mark.parametrize(
    ("described", "state", "says"),
    [
        (job("SUBMITTED"), "queued", ""),
        (job("PENDING"), "queued", ""),
        (job("RUNNABLE"), "queued", ""),
        (job("RUNNABLE", "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - too large"), "queued", "MISCONFIGURATION"),
        (job("STARTING"), "queued", ""),
        (job("RUNNING"), "running", ""),
        (job("SUCCEEDED", EXITED, **ended(0)), "succeeded", ""),
        (job("FAILED", EXITED, **ended(3)), "failed", "exit code 3: the last line"),
        (job("FAILED", EXITED, **ended(137)), "failed", "SIGKILL"),
        (
            job("FAILED", EXITED, **ended(137, "OutOfMemoryError: Container killed", **MEMORY)),
            "out-of-memory",
            "512 MiB",
        ),
        (
            job(
                "FAILED", "Job attempt duration exceeded timeout", timeout={"attemptDurationSeconds": 90}, **ended(137)
            ),
            "timeout",
            "90 s",
        ),
        (
            job("FAILED", EXITED, **ended(124, command=[limited.MODULE, "2", "toolkit.entry.job"])),
            "timeout",
            "longer than 2 s",
        ),
        (job("FAILED", EXITED, **ended(124, command=["toolkit.entry.job"])), "failed", "exit code 124"),
        (job("FAILED", "Host EC2 (instance i-0) terminated."), "failed", "taken back"),
        (job("FAILED", "Your Spot Task was interrupted."), "failed", "taken back"),
        (
            job("FAILED", "Task failed to start", **ended(None, "CannotPullContainerError: not found")),
            "failed",
            "registry/image:1 cannot be pulled",
        ),
        (job("FAILED", "ECS was unable to assume the role 'r'"), "failed", "a role that is new"),
        (job("FAILED", job_words.STOPPED), "cancelled", "stopped"),
        (job("FAILED", "enough", isTerminated=True), "cancelled", "enough"),
        (job("FAILED", "ResourceInitializationError: no log group"), "failed", "no log group"),
        (job("FAILED"), "failed", "no reason"),
        (job("PENDING", arrayProperties={"size": 2, "statusSummary": {"RUNNING": 1}}), "running", ""),
        (
            job("FAILED", "Array Child Job failed", arrayProperties={"size": 5, "statusSummary": {"FAILED": 2}}),
            "failed",
            "2 of 5",
        ),
    ],
)
def test_every_state(described: dict[str, Any], state: str, says: str) -> None:
    found = job_words.status(described, "the last line")
    assert found.state == state
    assert says in found.reason
    assert bool(found.reason) == bool(says)
    assert (found.id, found.name, found.tags) == ("a", "a", {"k": "v"})
    assert (found.exit_code is not None) == (state == "succeeded" or "exit code" in found.reason)


def test_times_are_those_of_the_first_attempt_to_the_end() -> None:
    attempts = [{"startedAt": 2_000, "container": {"logStreamName": "one"}}, {"container": {"logStreamName": "two"}}]
    described = job("SUCCEEDED", attempts=attempts, startedAt=5_000, stoppedAt=9_000, **ended(0, logStreamName="two"))
    found = job_words.status(described)
    assert [text[17:23] for text in (found.submitted, found.started, found.ended)] == ["01.000", "02.000", "09.000"]
    assert job_words.streams(described) == ["one", "two"]
