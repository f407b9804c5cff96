"""What Batch says of a job, in our words. Pure: a description (of DescribeJobs) in, a `JobStatus` out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from toolkit.domain import times
from toolkit.domain.specs import JobState, JobStatus
from toolkit.execution import limited

OWN = "toolkit:"  # what our own tags begin with; they are not the caller's
NAME, FORGOTTEN = f"{OWN}name", f"{OWN}forgotten"
STOPPED = "stopped by the toolkit"
ENDED = frozenset({"SUCCEEDED", "FAILED"})

_STATES: dict[str, JobState] = {"RUNNING": "running", "SUCCEEDED": "succeeded", "FAILED": "failed"}
_PULL = ("CannotPull", "CannotPullContainerError")
_SPOT = ("Host EC2", "Your Spot Task was interrupted")
_ROLE = ("unable to assume the role", "ECS was unable to assume")


def status(job: Mapping[str, Any], last_line: str = "") -> JobStatus:
    """`last_line` is what a failed job printed last: its reason, where it ended by itself."""
    state, reason = verdict(job)
    code = _code(job)
    if state == "failed" and code is not None and not reason:
        reason = f"exit code {code}: {last_line}" if last_line else f"exit code {code}"
        if code == 137:
            reason = "killed by SIGKILL (exit code 137)"
    tags = {key: value for key, value in job.get("tags", {}).items() if not key.startswith(OWN)}
    name = str(job.get("tags", {}).get(NAME) or job["jobName"])
    return JobStatus(
        id=name,
        name=name,
        state=state,
        reason=reason,
        exit_code=code if state in {"succeeded", "failed"} else None,
        submitted=_time(job.get("createdAt")),
        started=_time(_started(job)),
        ended=_time(job.get("stoppedAt")) if job["status"] in ENDED else "",
        tags=tags,
    )


def verdict(job: Mapping[str, Any]) -> tuple[JobState, str]:
    """(state, reason); the reason of a failure that only its exit code tells is ""."""
    said = str(job.get("statusReason") or "")
    if job["status"] == "SUCCEEDED":
        return "succeeded", ""
    if job["status"] != "FAILED":
        return _unfinished(job), _waiting(said)
    if said.startswith(STOPPED) or job.get("isCancelled") or job.get("isTerminated"):
        return "cancelled", said or STOPPED
    container = job.get("container", {})
    why = str(container.get("reason") or "")
    if said.startswith("Job attempt duration exceeded timeout"):
        return "timeout", f"ran longer than {job.get('timeout', {}).get('attemptDurationSeconds', '?')} s"
    if (limit := _own_limit(container)) and container.get("exitCode") == limited.TIMED_OUT:
        return "timeout", f"ran longer than {limit} s"
    if _memory(why):
        return "out-of-memory", f"used more than its {_asked(container, 'MEMORY')} MiB"
    return "failed", _failure(job, said, why)


def _failure(job: Mapping[str, Any], said: str, why: str) -> str:
    image = job.get("container", {}).get("image", "")
    text = why or said
    if text.startswith(_PULL):
        return f"its image {image} cannot be pulled: {text}; toolkit image push puts one there"
    if said.startswith(_SPOT):
        return f"its spot machine was taken back: {said}; run the same command again"
    if any(words in text for words in _ROLE):
        return f"{text}; a role that is new takes AWS some seconds: run the same command again"
    if (children := job.get("arrayProperties", {}).get("size")) and "index" not in job["arrayProperties"]:
        bad = job["arrayProperties"].get("statusSummary", {}).get("FAILED", 0)
        return f"{bad} of {children} did not succeed"
    if _code(job) is not None:
        return ""
    return text or "AWS Batch says no reason"


def streams(job: Mapping[str, Any]) -> list[str]:
    """The log streams of its attempts, in order."""
    containers = [attempt.get("container", {}) for attempt in job.get("attempts", [])] + [job.get("container", {})]
    return list(dict.fromkeys(name for found in containers if (name := found.get("logStreamName"))))


def _unfinished(job: Mapping[str, Any]) -> JobState:
    """An array job itself is PENDING while its children run."""
    moving = job.get("arrayProperties", {}).get("statusSummary", {})
    if any(moving.get(state) for state in ("STARTING", "RUNNING", "SUCCEEDED", "FAILED")):
        return "running"
    return _STATES.get(job["status"], "queued")


def _waiting(said: str) -> str:
    """Why it does not start, where Batch has found out ("MISCONFIGURATION:...", "CAPACITY:...")."""
    return said if ":" in said else ""


def _code(job: Mapping[str, Any]) -> int | None:
    code = job.get("container", {}).get("exitCode")
    return int(code) if code is not None else 0 if job["status"] == "SUCCEEDED" else None


def _memory(why: str) -> bool:
    return why.startswith("OutOfMemory")


def _own_limit(container: Mapping[str, Any]) -> str:
    """The seconds that the command limits itself to, or ""."""
    command = container.get("command", ())
    return str(command[1]) if len(command) > 1 and command[0] == limited.MODULE else ""


def _asked(container: Mapping[str, Any], kind: str) -> str:
    return next((str(one["value"]) for one in container.get("resourceRequirements", ()) if one["type"] == kind), "?")


def _started(job: Mapping[str, Any]) -> int | None:
    """Of its first attempt."""
    first = next((attempt["startedAt"] for attempt in job.get("attempts", ()) if attempt.get("startedAt")), None)
    return first or job.get("startedAt")


def _time(milliseconds: int | None) -> str:
    return times.text(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else ""
