"""A job as Container Apps has it, and what is made of what Azure says."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.adapters.azure import job_request, job_words
from toolkit.adapters.azure.emulator import containerapps_checks as checks
from toolkit.domain import jobs
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec

IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
MEMORY = "used more than its 2048 MiB"
PLACE = {"location": "westeurope", "environment": "/e", "identity": IDENTITY}


def made(**more: Any) -> dict[str, Any]:
    """The job as Azure shows it."""
    spec = JobSpec(**{"name": "train-1", "tags": {"team": "a"}, **more})
    container = job_request.container(spec, image="r.azurecr.io/job:1", client="id")
    body = job_request.body(spec, "shop-dev", place=PLACE, registries=[], container=container)
    checks.resource(body, job_request.job_id("shop-dev", spec.name), {"/e"}, "Job")
    checks.job(body["properties"])
    checks.template(body["properties"]["template"], "Job")
    return {**body, "name": "x", "systemData": {"createdAt": "2026-11-23T10:00:00.1234567Z"}}


def execution(status: str, number: int | None = None, **more: Any) -> dict[str, Any]:
    env = [] if number is None else [{"name": jobs.INDEX, "value": str(number)}]
    container = {"name": "main", **{k: v for k, v in more.items() if k in {"code", "additionalInformation"}}}
    return {
        "name": f"x-{number}",
        "properties": {
            "status": status,
            "startTime": "2026-11-23T10:00:01.0000000Z",
            "endTime": "2026-11-23T10:00:02.0000000Z" if status in job_words.ENDED else "",
            "template": {"containers": [{"env": env}]},
            "detailedStatus": {"replicas": [{"containers": [{"code": 1}]}, {"containers": [container]}]},
            **{k: v for k, v in more.items() if k in {"reason", "message"}},
        },
    }


@pytest.mark.parametrize(
    ("found", "state", "reason", "code"),
    [
        ([], "queued", "", None),
        ([execution("Processing")], "running", "", None),
        ([execution("Unknown")], "queued", "", None),
        ([execution("Succeeded", code=0)], "succeeded", "", 0),
        ([execution("Failed", code=3)], "failed", "exit code 3: last words", 3),
        ([execution("Failed", code=137)], "failed", "killed by SIGKILL (exit code 137)", 137),
        ([execution("Failed", message="no image")], "failed", "no image", None),
        ([execution("Failed", additionalInformation="OOMKilled")], "out-of-memory", MEMORY, None),
        ([execution("Failed", code=137, reason="DeadlineExceeded")], "timeout", "ran longer than 3600 s", None),
        ([execution("Stopped")], "cancelled", job_words.STOPPED, None),
    ],
)  # fmt: skip
def test_what_it_came_to(found: list[dict[str, Any]], state: str, reason: str, code: int | None) -> None:
    status = job_words.status(made(), found, "last words")
    assert (status.state, status.reason, status.exit_code) == (state, reason, code)
    assert (status.name, status.tags, status.submitted) == ("train-1", {"team": "a"}, "2026-11-23T10:00:00.123456Z")
    assert bool(status.ended) == (state not in {"queued", "running"})


def test_an_array_is_as_good_as_its_processes() -> None:
    job = made(array=3)
    ends = [execution("Succeeded", 0, code=0), execution("Failed", 1, code=5), execution("Succeeded", 2, code=0)]
    assert job_words.status(job, ends[:1]).state == "running", "two of them have not begun"
    assert job_words.status(job, ends).reason == "1 of 3 did not succeed: exit code 5"
    assert [job_request.number_of(one) for one in ends] == [0, 1, 2]
    assert job_request.number_of(execution("Running")) is None


@pytest.mark.parametrize(
    "more",
    [
        {"memory_mb": 8193},
        {"cpu": 4.25},
        {"gpus": 1},
        {"spot": True},
        {"timeout_seconds": 0},
        {"timeout_seconds": 604_801},
        {"array": 101},
        {"retries": 11},
        {"tags": {"a?": "b"}},
    ],
)
def test_what_does_not_fit_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        job_request.check(JobSpec(name="a", **more))
