"""What Batch says of a job, in our words. Pure: a job and its tasks in, a `JobStatus` out.

Times and reasons are in the events of its status, whose descriptions are sentences: "Job state is set from SCHEDULED to
RUNNING for job ...". A task that failed says its exit code in an event of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.adapters.gcp import batch_task
from toolkit.adapters.gcp.batch_request import NAME, PREEMPTED, STEM, TAGS, TIMED_OUT
from toolkit.adapters.gcp.job_words import STOPPED, moment
from toolkit.domain.specs import JobState, JobStatus

Body = Mapping[str, Any]
ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
NOT_STARTED = 125  # docker's own: it could not run the image
KILLED = 137
_STATES: dict[str, JobState] = {
    "QUEUED": "queued", "SCHEDULED": "queued", "RUNNING": "running", "CANCELLATION_IN_PROGRESS": "running",
    "DELETION_IN_PROGRESS": "running", "SUCCEEDED": "succeeded", "FAILED": "failed", "CANCELLED": "cancelled",
}  # fmt: skip


def state(job: Body) -> str:
    """In Batch's word."""
    return str(job.get("status", {}).get("state", "QUEUED"))


def ended(job: Body) -> bool:
    """Nothing of it runs, and nothing will."""
    return state(job) in ENDED


def variables(job: Body) -> Mapping[str, str]:
    groups = job.get("taskGroups", [])
    found: Mapping[str, str] = groups[0]["taskSpec"].get("environment", {}).get("variables", {}) if groups else {}
    return found


def ours(job: Body, stem: str) -> bool:
    return variables(job).get(STEM) == stem


def tags(job: Body) -> dict[str, str]:
    found: dict[str, str] = json.loads(variables(job).get(TAGS, "{}"))
    return found


def status(job: Body, tasks: Sequence[Body] = (), said: str = "") -> JobStatus:
    """`tasks` are needed where it failed; `said` is what a failed one printed last."""
    name = variables(job)[NAME]
    found, reason, code = _verdict(job, tasks, said)
    return JobStatus(
        id=name,
        name=name,
        state=found,
        reason=reason,
        exit_code=code,
        submitted=moment(job["createTime"]),
        started=_when(job, "RUNNING"),
        ended=(_when(job, state(job)) or moment(job["updateTime"])) if ended(job) else "",
        tags=tags(job),
    )


def codes(tasks: Sequence[Body]) -> list[int]:
    """The exit codes with which tasks failed, those of their last attempts."""
    return [code for task in tasks if (code := _code(task)) is not None]


def _verdict(job: Body, tasks: Sequence[Body], said: str) -> tuple[JobState, str, int | None]:
    found = _STATES.get(state(job), "running")
    if found == "succeeded":
        return found, "", 0
    if found == "cancelled":
        return found, STOPPED, None
    if found != "failed":
        return found, "", None
    group = job["taskGroups"][0]
    code = next(iter(codes(tasks)), None)
    if code is None:
        return found, _last(job), None
    if code == TIMED_OUT:
        return "timeout", f"ran longer than {group['taskSpec'].get('maxRunDuration', '?').removesuffix('s')} s", None
    if code == batch_task.OUT_OF_MEMORY:
        return "out-of-memory", f"used more than its {_memory(group)} MiB", None
    own = None if code >= PREEMPTED - 1 or code in {KILLED, NOT_STARTED} else code
    if (count := int(group.get("taskCount", 1))) > 1:
        bad = sum(task.get("status", {}).get("state") == "FAILED" for task in tasks)
        return found, f"{bad} of {count} did not succeed", own
    return found, _failure(job, code, said), own


def _failure(job: Body, code: int, said: str) -> str:
    if code == KILLED:
        return "killed by SIGKILL"
    if code == PREEMPTED:
        return "its spot machine was taken back once too often"
    if code >= PREEMPTED - 1:
        return _last(job)
    if code == NOT_STARTED:
        image = job["taskGroups"][0]["taskSpec"]["runnables"][0]["container"]["imageUri"]
        return f"its image {image} could not be started: {said}; toolkit image push --kind job puts one there"
    return f"exit code {code}: {said}" if said else f"exit code {code}"


def _code(task: Body) -> int | None:
    if task.get("status", {}).get("state") != "FAILED":
        return None
    events = task["status"].get("statusEvents", [])
    return next((int(one["taskExecution"].get("exitCode", 0)) for one in events[::-1] if "taskExecution" in one), None)


def _when(job: Body, wanted: str) -> str:
    """When it came into this state; "" where no event says so."""
    for event in job.get("status", {}).get("statusEvents", []):
        if f"to {wanted} for" in event.get("description", ""):
            return moment(event["eventTime"])
    return ""


def _last(job: Body) -> str:
    events = job.get("status", {}).get("statusEvents", [])
    return str(events[-1].get("description", "")) if events else "Batch says no reason"


def _memory(group: Body) -> str:
    """What its container was told (`batch_task`): Batch itself may have been asked for more."""
    return str(group["taskSpec"]["runnables"][0]["container"]["commands"][1])
