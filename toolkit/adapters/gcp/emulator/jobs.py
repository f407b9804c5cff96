"""Cloud Run jobs: state and control plane. `executions` runs them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.cloud import run_v2

from toolkit.adapters.gcp.emulator import run_checks
from toolkit.adapters.gcp.emulator.executions import Execution
from toolkit.adapters.gcp.emulator.operations import Operations
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing

SUCCEEDED, FAILED = 4, 3
QUOTA = 1000  # jobs in a region


@dataclass
class _Kept:
    job: Any
    execution: Execution | None = None


class Jobs:
    """`begin(name, job)` is the execution that a job of that name has when it is made."""

    def __init__(self, operations: Operations, begin: Callable[[str, Any], Execution]) -> None:
        self._operations, self._begin = operations, begin
        self._lock = threading.RLock()
        self._kept: dict[str, _Kept] = {}

    def create(self, request: Any, caller: str) -> Any:
        job_id, given = request.job_id, request.job
        if not run_checks.NAME.fullmatch(job_id):
            raise invalid("job_id must begin with a letter, be lower case and have fewer than 50 characters", "job_id")
        if given.name:
            raise invalid("job.name must be empty in a CreateJobRequest", "job.name")
        run_checks.job(job_id, given)
        if given.WhichOneof("create_execution") == "run_execution_token":
            raise Refused("UNIMPLEMENTED", "run_execution_token is not emulated")
        name = f"{request.parent}/jobs/{job_id}"
        with self._lock:
            if name in self._kept:
                raise Refused("ALREADY_EXISTS", f"Resource '{job_id}' already exists.")
            if sum(one.startswith(f"{request.parent}/jobs/") for one in self._kept) >= QUOTA:
                raise Refused("RESOURCE_EXHAUSTED", "Quota exceeded for total allowable count of jobs per region.")
            kept = self._kept[name] = _Kept(_new(name, given))
            condition = kept.job.terminal_condition
            try:
                run_checks.image(given.template.template.containers[0].image)
            except Refused as refused:
                condition.state, condition.message = FAILED, refused.message
            else:
                condition.state = SUCCEEDED
                if given.start_execution_token:
                    kept.execution = self._begin(name, kept.job)
        return self._operations.begin(request.parent, lambda: self._shown(kept))

    def get(self, request: Any, caller: str) -> Any:
        with self._lock:
            return self._shown(self._find(request.name))

    def list(self, request: Any, caller: str) -> Any:
        answer = run_v2.ListJobsResponse.pb()()
        with self._lock:
            names = sorted(name for name in self._kept if name.startswith(f"{request.parent}/jobs/"))
            size, start = min(request.page_size or 100, 1000), int(request.page_token or 0)
            answer.jobs.extend(self._shown(self._kept[name]) for name in names[start : start + size])
            answer.next_page_token = str(start + size) if start + size < len(names) else ""
        return answer

    def delete(self, request: Any, caller: str) -> Any:
        with self._lock:
            kept = self._find(request.name)
            if kept.execution and not kept.execution.over:
                kept.execution.stop("the job is deleted")
            del self._kept[request.name]
        return self._operations.begin(request.name.partition("/jobs/")[0], lambda: self._shown(kept))

    def execution(self, request: Any, caller: str) -> Any:
        return self._execution(request.name).shown()

    def cancel(self, request: Any, caller: str) -> Any:
        execution = self._execution(request.name)
        if execution.over:
            raise Refused("FAILED_PRECONDITION", f"Execution '{request.name}' has already completed.")
        execution.stop("cancelled")
        return self._operations.begin(request.name.partition("/jobs/")[0], execution.shown)

    def tasks(self, request: Any, caller: str) -> Any:
        answer = run_v2.ListTasksResponse.pb()()
        size, start = min(request.page_size or 100, 1000), int(request.page_token or 0)
        tasks = self._execution(request.parent).tasks()
        answer.tasks.extend(tasks[start : start + size])
        answer.next_page_token = str(start + size) if start + size < len(tasks) else ""
        return answer

    def close(self) -> None:
        with self._lock:
            running = [kept.execution for kept in self._kept.values() if kept.execution]
        for execution in running:
            execution.stop("the emulator ends")
        for execution in running:
            execution.wait(10)

    def _find(self, name: str) -> _Kept:
        if name not in self._kept:
            raise missing(name)
        return self._kept[name]

    def _execution(self, name: str) -> Execution:
        with self._lock:
            kept = self._kept.get(name.partition("/executions/")[0])
            if kept is None or kept.execution is None or kept.execution.name != name:
                raise missing(name)
            return kept.execution

    def _shown(self, kept: _Kept) -> Any:
        if kept.execution:
            kept.execution.refer(kept.job.latest_created_execution)
        shown = run_v2.Job.pb()()
        shown.CopyFrom(kept.job)
        return shown


def _new(name: str, given: Any) -> Any:
    job = run_v2.Job.pb()()
    job.CopyFrom(given)
    job.name, job.uid, job.etag = name, str(uuid.uuid4()), uuid.uuid4().hex
    job.generation = job.observed_generation = 1
    job.create_time.GetCurrentTime()
    job.update_time.CopyFrom(job.create_time)
    job.template.task_count = job.template.task_count or 1
    if not job.template.template.HasField("max_retries"):
        job.template.template.max_retries = 3  # Google's own default
    job.terminal_condition.type_ = "Ready"
    job.execution_count = 1 if given.start_execution_token else 0
    return job
