"""Batch: state and control plane. `batch_tasks` runs what its jobs ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from google.cloud import batch_v1
from google.longrunning import operations_pb2

from toolkit.adapters.gcp.emulator import batch_checks
from toolkit.adapters.gcp.emulator.batch_tasks import ENDED, BatchRun
from toolkit.adapters.gcp.emulator.operations import Operations
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing


class Batch:
    """`begin(name, job)` is what runs a job of that full name from now on."""

    def __init__(self, begin: Callable[[str, Any], BatchRun]) -> None:
        self._begin = begin
        self._lock = threading.RLock()
        self.operations = Operations(self._lock)
        self._kept: dict[str, BatchRun] = {}
        self._deleting: dict[str, str] = {}  # job -> operation

    def create(self, request: Any, caller: str) -> Any:
        if not batch_checks.NAME.fullmatch(request.job_id):
            raise invalid("job_id: at most 63 of a-z, 0-9 and hyphens, a letter first", "job_id")
        batch_checks.job(request.job)
        name = f"{request.parent}/jobs/{request.job_id}"
        with self._lock:
            self.operations.settle()
            if name in self._kept:
                raise Refused("ALREADY_EXISTS", f"Resource '{name}' already exists.")
            run = self._kept[name] = self._begin(name, request.job)
        return run.shown()

    def get(self, request: Any, caller: str) -> Any:
        return self._shown(self._find(request.name))

    def list(self, request: Any, caller: str) -> Any:
        if request.filter or request.order_by:
            raise Refused("UNIMPLEMENTED", "filter and order_by are not emulated")
        answer = batch_v1.ListJobsResponse.pb()()
        with self._lock:
            self.operations.settle()
            names = sorted(name for name in self._kept if name.startswith(f"{request.parent}/jobs/"))
            size, start = min(request.page_size or 100, 1000), int(request.page_token or 0)
            answer.jobs.extend(self._shown(self._kept[name]) for name in names[start : start + size])
            answer.next_page_token = str(start + size) if start + size < len(names) else ""
        return answer

    def delete(self, request: Any, caller: str) -> Any:
        """A job that runs is stopped first."""
        run = self._find(request.name)
        run.stop("the job is deleted")
        run.wait(10)

        def finish() -> Any:
            self._kept.pop(request.name, None)
            self._deleting.pop(request.name, None)
            return batch_v1.OperationMetadata.pb()()

        with self._lock:
            begun = self.operations.begin(request.name.partition("/jobs/")[0], finish)
            self._deleting[request.name] = begun.name
            return begun

    def cancel(self, request: Any, caller: str) -> Any:
        run = self._find(request.name)
        if run.shown().status.state in ENDED:
            raise Refused("FAILED_PRECONDITION", f"Job {request.name} has already ended.")
        run.stop("cancelled")
        return self.operations.begin(request.name.partition("/jobs/")[0], batch_v1.CancelJobResponse.pb())

    def tasks(self, request: Any, caller: str) -> Any:
        answer = batch_v1.ListTasksResponse.pb()()
        job, _, group = request.parent.partition("/taskGroups/")
        if group != "group0":
            raise missing(request.parent)
        tasks = self._find(job).tasks()
        size, start = min(request.page_size or 100, 1000), int(request.page_token or 0)
        answer.tasks.extend(tasks[start : start + size])
        answer.next_page_token = str(start + size) if start + size < len(tasks) else ""
        return answer

    def close(self) -> None:
        with self._lock:
            running = list(self._kept.values())
        for run in running:
            run.stop("the emulator ends")
        for run in running:
            run.wait(10)

    def _find(self, name: str) -> BatchRun:
        """Who looks at a job sees its deletion go on, as who looks at the operation."""
        with self._lock:
            self.operations.settle()
            if name in self._deleting:
                self.operations.get(operations_pb2.GetOperationRequest(name=self._deleting[name]), "")
            if name not in self._kept:
                raise missing(name)
            return self._kept[name]

    def _shown(self, run: BatchRun) -> Any:
        job = run.shown()
        if job.name in self._deleting:
            job.status.state = batch_v1.JobStatus.State.DELETION_IN_PROGRESS
        return job
