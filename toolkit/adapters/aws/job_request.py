"""A job as the arguments of Batch's SubmitJob. Pure."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from toolkit.adapters.aws import job_words
from toolkit.adapters.aws.names import Names
from toolkit.adapters.aws.sizes import Size
from toolkit.domain import jobs
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec
from toolkit.execution import limited
from toolkit.ports import Settings

LEAST_TIMEOUT = 60  # seconds, Batch's own
MOST_OVERRIDES = 8192  # characters of what overrides a definition, as ECS counts them
MOST_ATTEMPTS = 10
SPOT_ATTEMPTS = 3  # a machine that was taken back is no fault of the job's


def request(settings: Settings, spec: JobSpec, size: Size) -> dict[str, Any]:
    """All but the job definition. Unsupported names the limit that does not hold it."""
    if spec.requirements and not spec.packages:
        raise Unsupported(f"job {spec.name}: a container is handed no packages; give the digest of their blob")
    overrides = {"command": _command(spec), "environment": _environment(spec)}
    if (length := len(msgspec.json.encode(overrides).decode())) > MOST_OVERRIDES:
        raise Unsupported(
            f"job {spec.name}: command and variables have {length:,} characters; ECS takes {MOST_OVERRIDES:,}",
            hint="shorten the settings of the target's providers",
        )
    return {
        "jobName": full_name(settings, spec.name),
        "jobQueue": queue(settings, spec, size),
        "containerOverrides": overrides,
        "timeout": {"attemptDurationSeconds": max(LEAST_TIMEOUT, math.ceil(spec.timeout_seconds))},
        "retryStrategy": retries(spec),
        "propagateTags": True,
        "tags": {**spec.tags, job_words.NAME: spec.name},
        **({"arrayProperties": {"size": spec.array}} if spec.array > 1 else {}),
    }


def full_name(settings: Settings, name: str) -> str:
    """Queues may be shared: a job is called after its target too."""
    return f"{settings['stem']}-{name}"


def queues(settings: Settings) -> tuple[str, ...]:
    """All in which jobs of this target can be."""
    given = (settings["queue"] or Names(settings["stem"]).queue, settings["ec2_queue"], settings["spot_queue"])
    return tuple(dict.fromkeys(name for name in given if name))


def queue(settings: Settings, spec: JobSpec, size: Size) -> str:
    if spec.spot and not settings["spot_queue"]:
        raise Unsupported(
            f"job {spec.name} asks for a spot machine; this target has no queue of them",
            hint='spot_queue = "..." in [targets.<t>.aws]',
        )
    if spec.spot:
        return str(settings["spot_queue"])
    return str(settings["ec2_queue"]) if size.platform == "EC2" else queues(settings)[0]


def retries(spec: JobSpec) -> dict[str, Any]:
    """What failed by itself is run again; what ran out of memory or time would do so again."""
    attempts = min(MOST_ATTEMPTS, spec.retries + 1)
    rules = [{"onReason": "OutOfMemory*", "action": "EXIT"}]
    if spec.timeout_seconds < LEAST_TIMEOUT:
        rules.append({"onExitCode": str(limited.TIMED_OUT), "action": "EXIT"})
    if spec.spot:
        rules[:0] = [{"onStatusReason": words, "action": "RETRY"} for words in ("Host EC2*", "Your Spot Task*")]
        attempts = max(attempts, SPOT_ATTEMPTS)
    rules.append({"onReason": "*", "action": "RETRY" if spec.retries else "EXIT"})
    return {"attempts": attempts, "evaluateOnExit": rules} if attempts > 1 else {"attempts": 1}


def _command(spec: JobSpec) -> list[str]:
    """What follows the image's entry point, `python -m`."""
    if spec.timeout_seconds < LEAST_TIMEOUT:
        return limited.command(spec.timeout_seconds, spec.module, spec.arguments)
    return [spec.module, *spec.arguments]


def _environment(spec: JobSpec) -> list[dict[str, str]]:
    """All attempts of one Batch job are one execution; a job that was submitted twice is two."""
    told = {jobs.EXECUTION_FROM: "AWS_BATCH_JOB_ID", jobs.INDEX_FROM: "AWS_BATCH_JOB_ARRAY_INDEX"}
    if spec.array == 1:  # Batch's arrays begin at two
        told[jobs.INDEX] = "0"
    if spec.packages:
        told[jobs.REQUIREMENTS] = spec.packages
    return [{"name": name, "value": value} for name, value in {**spec.environment, **told}.items()]
