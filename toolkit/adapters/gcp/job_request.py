"""A job as a Cloud Run job, and the labels by which it is found again. Pure.

One job of ours is one Cloud Run job with one execution, made by the same request (`startExecutionToken`): Cloud Run
holds a job's name to be there once, so a submission is exact without anything else.
"""

from __future__ import annotations

import json
from typing import Any

from toolkit.adapters.gcp import names, sizes
from toolkit.domain import jobs
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec

NAME, TAGS, STEM = "toolkit/job", "toolkit/tags", "toolkit/stem"
LONGEST = 7 * 86_400  # seconds of a task
MOST_RETRIES = 10
MOST_TASKS = 10_000
VARIABLE = 32 * 1024  # bytes
BATCH = 'batch = "needed" in [targets.<t>.gcp]'


def check(spec: JobSpec) -> None:
    """Raises Unsupported for what Cloud Run jobs do not have, naming the limit."""
    what = f"job {spec.name}"
    if spec.gpus:
        raise Unsupported(f"{what} asks for {spec.gpus} GPUs; Cloud Run jobs have none", hint=BATCH)
    if spec.spot:
        raise Unsupported(f"{what} asks for a spot machine; Cloud Run has none", hint=BATCH)
    if not 0 < spec.timeout_seconds <= LONGEST:
        words = f"{what}: a time of {spec.timeout_seconds} s; Cloud Run takes 1 to {LONGEST:,} (7 days)"
        raise Unsupported(words, hint=BATCH if spec.timeout_seconds > LONGEST else "")
    if spec.retries > MOST_RETRIES:
        raise Unsupported(f"{what}: {spec.retries} retries; Cloud Run takes {MOST_RETRIES}")
    if spec.array > MOST_TASKS:
        raise Unsupported(f"{what}: an array of {spec.array:,}; Cloud Run takes {MOST_TASKS:,}")
    if spec.requirements and not spec.packages:
        raise Unsupported(f"{what}: a container is handed no packages; give the digest of their blob")
    longest = max((len(value.encode()) for value in spec.environment.values()), default=0)
    if longest > VARIABLE:
        raise Unsupported(f"{what}: a variable has {longest:,} bytes; Cloud Run takes 32 KiB")


def job_id(stem: str, name: str) -> str:
    """Its name at Google: projects are shared by targets."""
    return names.job(f"{stem}-{name}")


def body(spec: JobSpec, stem: str, *, image: str, account: str, token: str) -> dict[str, Any]:
    """The Cloud Run job. `token` ends the name of its execution. Unsupported: see `check`."""
    check(spec)
    limits = sizes.limits(f"job {spec.name}", spec.memory_mb, spec.cpu, least=sizes.LEAST_JOB)
    container = {
        "image": image,
        "args": [spec.module, *spec.arguments],  # after the entry point of the image, `python -m`
        "env": [{"name": name, "value": value} for name, value in sorted(_environment(spec).items())],
        "resources": {"limits": dict(limits)},
    }
    task = {
        "containers": [container],
        "maxRetries": spec.retries,
        "timeout": f"{spec.timeout_seconds}s",
        "serviceAccount": account,
        "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2",
    }
    marks = {**names.labels(spec.tags), "managed-by": "toolkit"}
    return {
        "labels": marks,
        "annotations": {NAME: spec.name, TAGS: json.dumps(spec.tags, sort_keys=True), STEM: stem},
        "template": {"labels": marks, "taskCount": max(1, spec.array), "template": task},
        "startExecutionToken": token,
    }


def role(tags: dict[str, str]) -> str:
    """Whose account a job has, by its tags (`step`)."""
    return "retrain" if tags.get("step") == "retrain" else "job"


def _environment(spec: JobSpec) -> dict[str, str]:
    """All attempts of one execution are one; a process alone has an index at Google, and none with us."""
    told = {jobs.EXECUTION_FROM: "CLOUD_RUN_EXECUTION"}
    if spec.array:
        told[jobs.INDEX_FROM] = "CLOUD_RUN_TASK_INDEX"
    if spec.packages:
        told[jobs.REQUIREMENTS] = spec.packages
    return {**spec.environment, **told}
