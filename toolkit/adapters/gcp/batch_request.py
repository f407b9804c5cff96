"""A job as a job of Batch: one group of tasks, each the generic image in a container on a machine made for it. Pure.

Batch keeps no annotations: the exact name and tags of a job stand in its variables, from where they are read again.
"""

from __future__ import annotations

import json
import math
from typing import Any

from toolkit.adapters.gcp import batch_task, job_request, names, sizes
from toolkit.domain import jobs
from toolkit.domain.errors import Unsupported
from toolkit.domain.specs import JobSpec
from toolkit.ports import Settings

NAME, TAGS, STEM = "TOOLKIT_JOB", "TOOLKIT_TAGS", "TOOLKIT_STEM"
LONGEST = 14 * 86_400  # seconds of a job
MOST_RETRIES = 10
MOST_TASKS = 10_000
MOST_CPU, MOST_MEMORY_MB, MOST_GPUS = 416, 11_776 * 1024, 16  # of the largest machines that Batch starts
LEAST_MEMORY = 256  # MiB
SPOT_ATTEMPTS = 3  # a machine that was taken back is no fault of the job's
PREEMPTED, TIMED_OUT = 50001, 50005  # Batch's own exit codes
# Where the machine keeps the driver that Batch installs, and where programs look for it.
DRIVER = ("/var/lib/nvidia/lib64:/usr/local/nvidia/lib64", "/var/lib/nvidia/bin:/usr/local/nvidia/bin")


def needed(spec: JobSpec) -> bool:
    """Whether Cloud Run has no machine for it, or none for so long."""
    most_cpu, most_memory = sizes.MOST[-1]
    large = spec.cpu > most_cpu or spec.memory_mb > most_memory
    return bool(spec.gpus > 0 or spec.spot or spec.timeout_seconds > job_request.LONGEST or large)


def check(spec: JobSpec, settings: Settings) -> None:
    """Raises Unsupported for what not even Batch has, naming the limit."""
    what = f"job {spec.name}"
    if not 0 < spec.timeout_seconds <= LONGEST:
        raise Unsupported(f"{what}: a time of {spec.timeout_seconds:,} s; Batch takes 1 to {LONGEST:,} (14 days)")
    if not 0 <= spec.retries <= MOST_RETRIES:
        raise Unsupported(f"{what}: {spec.retries} retries; Batch takes {MOST_RETRIES}")
    if not 0 <= spec.array <= MOST_TASKS:
        raise Unsupported(f"{what}: an array of {spec.array:,}; Batch takes {MOST_TASKS:,}")
    if not 0 < spec.cpu <= MOST_CPU or not 0 < spec.memory_mb <= MOST_MEMORY_MB or not 0 <= spec.gpus <= MOST_GPUS:
        raise Unsupported(
            f"{what} asks for {spec.cpu:g} CPU, {spec.memory_mb:,} MiB and {spec.gpus} GPUs; machines of Batch have "
            f"at most {MOST_CPU}, {MOST_MEMORY_MB:,} and {MOST_GPUS}"
        )
    if spec.gpus and not settings["accelerator"]:
        raise Unsupported(
            f"{what} asks for {spec.gpus} GPUs; the target does not say of which kind",
            hint='accelerator = "nvidia-l4" in [targets.<t>.gcp]',
        )
    if spec.requirements and not spec.packages:
        raise Unsupported(f"{what}: a container is handed no packages; give the digest of their blob")


def body(spec: JobSpec, settings: Settings, *, image: str, account: str, token: str) -> dict[str, Any]:
    """The job of Batch. `token` is this submission's own. Unsupported: see `check`."""
    check(spec, settings)
    marks = {**names.labels(spec.tags), "managed-by": "toolkit"}
    container: dict[str, Any] = {
        "imageUri": image,
        # after the entry point of the image, `python -m`
        "commands": batch_task.command(spec.memory_mb, spec.module, spec.arguments),
    }
    if spec.gpus:
        container |= {"volumes": list(DRIVER), "options": "--privileged"}
    task = {
        "runnables": [{"container": container}],
        "computeResource": {
            "cpuMilli": str(math.ceil(spec.cpu * 1000)),
            "memoryMib": str(max(LEAST_MEMORY, spec.memory_mb)),
        },
        "maxRunDuration": f"{spec.timeout_seconds}s",
        "environment": {"variables": _environment(spec, settings["stem"], token)},
        **_retries(spec),
    }
    return {
        "labels": marks,
        "taskGroups": [{"taskSpec": task, "taskCount": str(max(1, spec.array))}],
        "allocationPolicy": {
            "instances": [_machine(spec, settings)],
            "serviceAccount": {"email": account},
            "labels": marks,
            **_network(settings),
        },
        "logsPolicy": {"destination": "CLOUD_LOGGING"},
    }


def _machine(spec: JobSpec, settings: Settings) -> dict[str, Any]:
    policy: dict[str, Any] = {"provisioningModel": "SPOT" if spec.spot else "STANDARD"}
    if settings["machine_type"]:
        policy["machineType"] = settings["machine_type"]
    if not spec.gpus:
        return {"policy": policy}
    policy["accelerators"] = [{"type": settings["accelerator"], "count": str(spec.gpus)}]
    return {"policy": policy, "installGpuDrivers": True}


def _network(settings: Settings) -> dict[str, Any]:
    """Nothing for the default network, whose machines have a public address to fetch the image with."""
    if not settings["network"]:
        return {}
    interface = {"network": settings["network"]}
    if settings["subnetwork"]:
        interface |= {"subnetwork": settings["subnetwork"], "noExternalIpAddress": True}
    return {"network": {"networkInterfaces": [interface]}}


def _retries(spec: JobSpec) -> dict[str, Any]:
    """What failed by itself is run again; what ran out of memory or time would do so again. Batch knows one rule."""
    if spec.retries:
        attempts = max(spec.retries, SPOT_ATTEMPTS) if spec.spot else spec.retries
        return {"maxRetryCount": attempts, **_rule("FAIL_TASK", TIMED_OUT, batch_task.OUT_OF_MEMORY)}
    return {"maxRetryCount": SPOT_ATTEMPTS, **_rule("RETRY_TASK", PREEMPTED)} if spec.spot else {"maxRetryCount": 0}


def _rule(action: str, *codes: int) -> dict[str, Any]:
    return {"lifecyclePolicies": [{"action": action, "actionCondition": {"exitCodes": list(codes)}}]}


def _environment(spec: JobSpec, stem: str, token: str) -> dict[str, str]:
    """All attempts of one submission are one execution; a process alone has an index at Batch, and none with us."""
    told = {
        NAME: spec.name, TAGS: json.dumps(spec.tags, sort_keys=True), STEM: stem,
        jobs.EXECUTION: f"{job_request.job_id(stem, spec.name)}-{token}",
    }  # fmt: skip
    if spec.array:
        told[jobs.INDEX_FROM] = "BATCH_TASK_INDEX"
    if spec.packages:
        told[jobs.REQUIREMENTS] = spec.packages
    driver = {"LD_LIBRARY_PATH": DRIVER[0].partition(":")[2]} if spec.gpus else {}
    return {**driver, **spec.environment, **told}
