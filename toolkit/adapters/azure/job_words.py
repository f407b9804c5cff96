"""What Container Apps says of a job, in our words. Pure: a job and its executions in, a `JobStatus` out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.adapters.azure.arm_sizes import megabytes
from toolkit.adapters.azure.job_request import ARRAY, NAME, OWN
from toolkit.domain import times
from toolkit.domain.specs import JobState, JobStatus

ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
STOPPED = "stopped by the toolkit"
KILLED = 137
_BUSY = frozenset({"Running", "Processing", "Degraded"})
Body = Mapping[str, Any]


def ended(job: Body, executions: Sequence[Body]) -> bool:
    """Nothing of it runs, and nothing will."""
    return len(executions) >= wanted(job) and all(one["properties"].get("status") in ENDED for one in executions)


def wanted(job: Body) -> int:
    """How many executions it has when all are begun."""
    return max(1, int(job["tags"].get(ARRAY, "0")))


def status(job: Body, executions: Sequence[Body], last_line: str = "") -> JobStatus:
    """`executions`: one for each of its processes, in their order. `last_line` is what a failed one printed last."""
    over = ended(job, executions)
    state, reason, code = _verdict(job, executions, last_line) if over else (_moving(executions), "", None)
    begun = [moment(one["properties"].get("startTime", "")) for one in executions]
    ends = [moment(one["properties"].get("endTime", "")) for one in executions]
    return JobStatus(
        id=job["tags"][NAME],
        name=job["tags"][NAME],
        state=state,
        reason=reason,
        exit_code=code,
        submitted=moment(job["systemData"]["createdAt"]),
        started=min(filter(None, begun), default=""),
        ended=max(ends, default="") if over else "",
        tags={key: value for key, value in job["tags"].items() if key not in OWN},
    )


def failed(executions: Sequence[Body]) -> Body | None:
    """The first that failed by itself, whose last words say why."""
    return next((one for one in executions if one["properties"].get("status") == "Failed"), None)


def moment(text: str) -> str:
    """Azure's time (seven digits of a second) as ours."""
    return times.text(times.parse(re.sub(r"(\.\d{6})\d+", r"\1", text))) if text else ""


def _moving(executions: Sequence[Body]) -> JobState:
    begun = any(one["properties"].get("status") in _BUSY | ENDED for one in executions)
    return "running" if begun else "queued"


def _verdict(job: Body, executions: Sequence[Body], last_line: str) -> tuple[JobState, str, int | None]:
    bad = [one for one in executions if one["properties"]["status"] != "Succeeded"]
    if not bad:
        return "succeeded", "", 0
    state, reason, code = _failure(job, failed(bad) or bad[0], last_line)
    if len(executions) > 1:
        reason = f"{len(bad)} of {len(executions)} did not succeed: {reason}"
    return state, reason, code


def _failure(job: Body, execution: Body, last_line: str) -> tuple[JobState, str, int | None]:
    properties, configuration = execution["properties"], job["properties"]["configuration"]
    if properties["status"] == "Stopped":
        return "cancelled", STOPPED, None
    last = _last(properties)
    if properties.get("reason") == "DeadlineExceeded":
        return "timeout", f"ran longer than {configuration['replicaTimeout']} s", None
    if last.get("additionalInformation") == "OOMKilled":
        memory = job["properties"]["template"]["containers"][0]["resources"]["memory"]
        return "out-of-memory", f"used more than its {megabytes(memory)} MiB", None
    code = last.get("code")
    if code is None:
        return "failed", properties.get("message") or "Azure says no reason", None
    if code == KILLED:
        return "failed", f"killed by SIGKILL (exit code {KILLED})", code
    return "failed", f"exit code {code}: {last_line}" if last_line else f"exit code {code}", code


def _last(properties: Body) -> Body:
    """The container of the last attempt."""
    replicas = (properties.get("detailedStatus") or {}).get("replicas") or [{}]
    containers: list[Body] = replicas[-1].get("containers") or [{}]
    return containers[0]
