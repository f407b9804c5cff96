"""What Cloud Run says of a job, in our words. Pure: a job, its execution and its tasks in, a `JobStatus` out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.adapters.gcp.job_request import NAME, TAGS
from toolkit.domain import times
from toolkit.domain.specs import JobState, JobStatus

TIMEOUT = "The configured timeout was reached"
MEMORY = "Memory limit of"  # how the platform's own line begins, in the log `varlog/system`
STOPPED = "stopped by the toolkit"
KILLED = 9
SUCCEEDED, FAILED = "CONDITION_SUCCEEDED", "CONDITION_FAILED"
Body = Mapping[str, Any]


def ended(job: Body, execution: Body | None) -> bool:
    """Nothing of it runs, and nothing will."""
    if execution is None:
        return bool(job.get("terminalCondition", {}).get("state") == FAILED)
    return bool(execution.get("completionTime"))


def status(job: Body, execution: Body | None, tasks: Sequence[Body] = (), said: str = "") -> JobStatus:
    """`tasks` are needed where it ended without success; `said` is the platform's word on a killed container, or what
    a failed one printed last."""
    name = str(job["annotations"][NAME])
    state, reason, code = _verdict(job, execution, tasks, said)
    begun = (execution or {}).get("startTime", "")
    over = (execution or job.get("terminalCondition", {})).get("completionTime", "")
    return JobStatus(
        id=name,
        name=name,
        state=state,
        reason=reason,
        exit_code=code,
        submitted=moment(job["createTime"]),
        started=moment(begun),
        ended=moment(over) if ended(job, execution) else "",
        tags=json.loads(job["annotations"].get(TAGS, "{}")),
    )


def failed_task(tasks: Sequence[Body]) -> Body:
    """The last attempt of the first task that did not succeed."""
    return next((last for task in tasks if (last := task.get("lastAttemptResult", {})) and _code(last) != 0), {})


def killed(result: Body) -> bool:
    return result.get("termSignal") == KILLED or _code(result) == 128 + KILLED


def _verdict(job: Body, execution: Body | None, tasks: Sequence[Body], said: str) -> tuple[JobState, str, int | None]:
    if execution is None:
        if not ended(job, None):
            return "queued", "", None
        why = job.get("terminalCondition", {}).get("message", "Cloud Run says no reason")
        return "failed", _pull(job, why), None
    if not ended(job, execution):
        return ("running" if execution.get("startTime") else "queued"), "", None
    condition: Body = next((one for one in execution.get("conditions", ()) if one.get("type") == "Completed"), {})
    if condition.get("state") == SUCCEEDED:
        return "succeeded", "", 0
    if execution.get("cancelledCount") or condition.get("executionReason") == "CANCELLED":
        return "cancelled", STOPPED, None
    last = failed_task(tasks)
    words = str(last.get("status", {}).get("message", "") or condition.get("message", ""))
    if TIMEOUT in words:
        return "timeout", f"ran longer than {execution['template'].get('timeout', '?').removesuffix('s')} s", None
    if said.startswith(MEMORY):
        return "out-of-memory", f"used more than its {_memory(execution)} MiB", None
    if (count := int(execution.get("taskCount", 1))) > 1:
        bad = int(execution.get("failedCount", 0))
        return "failed", f"{bad} of {count} did not succeed", _code(last)
    return "failed", _failure(job, last, words, said), _code(last)


def _failure(job: Body, last: Body, words: str, said: str) -> str:
    if killed(last):
        return "killed by SIGKILL"
    code = _code(last)
    if code is None:
        return _pull(job, words or "Cloud Run says no reason")
    return f"exit code {code}: {said}" if said else f"exit code {code}"


def _pull(job: Body, words: str) -> str:
    if not re.search(r"[Ii]mage .*not found", words):
        return words
    image = job["template"]["template"]["containers"][0]["image"]
    return f"its image {image} cannot be pulled: {words}; toolkit image push --kind job puts one there"


def _code(result: Body) -> int | None:
    """Of an attempt; what succeeded says nothing, for 0 is not written."""
    if result.get("termSignal"):
        return None
    if not result.get("status", {}).get("code") and not result.get("exitCode"):
        return 0
    return int(result["exitCode"]) if "exitCode" in result else None


def _memory(execution: Body) -> str:
    limit = str(execution["template"]["containers"][0]["resources"]["limits"]["memory"])
    return str(int(limit[:-2]) * 1024) if limit.endswith("Gi") else limit.removesuffix("Mi")


def moment(stamp: str) -> str:
    return times.text(times.parse(re.sub(r"(\.\d{6})\d+", r"\1", stamp))) if stamp else ""
