"""A job of Batch while it runs: its tasks, each a container on a machine that is played here, and its events."""

from __future__ import annotations

import re
import signal
import threading
import uuid
from typing import Any

from google.cloud import batch_v1

from toolkit.adapters.gcp.emulator import batch_checks
from toolkit.adapters.gcp.emulator.containers import seconds
from toolkit.adapters.gcp.emulator.executions import AT_ONCE, Running
from toolkit.domain import times
from toolkit.execution.container.running import Container, execute
from toolkit.execution.process import Outcome

QUEUED, SCHEDULED, RUNNING, SUCCEEDED, FAILED, CANCELLING, CANCELLED = 1, 2, 3, 4, 5, 7, 8  # JobStatus.State
ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED})
PENDING, TASK_RUNNING, TASK_FAILED, TASK_SUCCEEDED, UNEXECUTED = 1, 3, 4, 5, 6  # TaskStatus.State
RETRY_TASK = 1  # LifecyclePolicy.Action; the other one is FAIL_TASK
NOT_STARTED, TIMED_OUT, OTHER = 125, 50005, 50000
SMALLEST_MACHINE_MB = 4096  # a task may use the whole machine's memory, whatever it asked for
_JOB, _TASK = batch_v1.JobStatus.State, batch_v1.TaskStatus.State


class BatchRun:
    """Begins when it is made; `name` is the job's full one."""

    def __init__(self, running: Running, name: str, given: Any) -> None:
        self._running = running
        self._lock = threading.RLock()
        self._why, self._done = "", threading.Event()
        job = self._job = batch_v1.Job.pb()()
        job.CopyFrom(given)
        job.name, job.uid = name, f"{name.rpartition('/')[2][:20]}-{uuid.uuid4()}"
        job.create_time.GetCurrentTime()
        group = self._group = job.task_groups[0]
        group.name, group.task_count = f"{name}/taskGroups/group0", group.task_count or 1
        self._tasks = [_task(f"{group.name}/tasks/{number}") for number in range(group.task_count)]
        job.status.state = QUEUED
        job.update_time.CopyFrom(job.create_time)
        threading.Thread(target=self._run, name="batch", daemon=True).start()

    def shown(self) -> Any:
        found = batch_v1.Job.pb()()
        with self._lock:
            found.CopyFrom(self._job)
        return found

    def tasks(self) -> list[Any]:
        with self._lock:
            return [_copy(task) for task in self._tasks]

    def stop(self, why: str) -> None:
        with self._lock:
            if not self._why and self._job.status.state not in ENDED:
                self._why = why
                self._becomes(CANCELLING)

    def _stopped(self) -> bool:
        return bool(self._why)

    def wait(self, longest: float) -> None:
        self._done.wait(longest)

    def _run(self) -> None:
        for state in (SCHEDULED, RUNNING):
            with self._lock:
                if not self._why:
                    self._becomes(state)
        room = threading.Semaphore(AT_ONCE)
        threads = [
            threading.Thread(target=self._attempts, args=(number, room), name="task", daemon=True)
            for number in range(len(self._tasks))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with self._lock:
            good = all(task.status.state == TASK_SUCCEEDED for task in self._tasks)
            self._becomes(CANCELLED if self._why else SUCCEEDED if good else FAILED)
        self._done.set()

    def _attempts(self, number: int, room: threading.Semaphore) -> None:
        """What fails is run again as its lifecycle policy says; what has not begun when a task has failed never is."""
        task, spec = self._tasks[number], self._group.task_spec
        with room:
            for attempt in range(spec.max_retry_count + 1):
                with self._lock:
                    failed = any(one.status.state == TASK_FAILED for one in self._tasks)
                    if self._why or (failed and not attempt):
                        _changed(task, UNEXECUTED)
                        return
                    _changed(task, TASK_RUNNING)
                code = self._attempt(number, attempt)
                if self._stopped():
                    with self._lock:
                        _changed(task, UNEXECUTED)
                    return
                again = code != 0 and attempt < spec.max_retry_count and _again(spec, code)
                with self._lock:
                    _changed(task, TASK_SUCCEEDED if code == 0 else PENDING if again else TASK_FAILED, code)
                if not again:
                    return

    def _attempt(self, number: int, attempt: int) -> int:
        """The exit code, as Batch tells it."""
        spec = self._group.task_spec
        given = spec.runnables[0].container
        _, project, _, location, _, short = self._job.name.split("/")
        resource = {"type": "batch.googleapis.com/Job", "labels": {"location": location, "job_id": short}}
        own = {
            "job_uid": self._job.uid, "task_group_name": self._group.name,
            "task_id": f"task/{self._job.uid}-group0-{number}/{attempt}/0",
        }  # fmt: skip
        log = f"projects/{project}/logs/batch_task_logs"

        def printed(text: str, time: str) -> None:
            self._running.log.printed(log, resource, own, text, time)

        if not batch_checks.pulled(given.image_uri):
            printed(f"docker: Error response from daemon: manifest for {given.image_uri} not found.", times.now())
            return NOT_STARTED
        told = {
            "BATCH_JOB_ID": short, "BATCH_JOB_UID": self._job.uid, "BATCH_TASK_INDEX": str(number),
            "BATCH_TASK_COUNT": str(len(self._tasks)), "BATCH_TASK_RETRY_ATTEMPT": str(attempt),
            **self._running.identity.environment(self._job.allocation_policy.service_account.email),
        }  # fmt: skip
        container = Container(
            tuple(given.commands),
            {**dict(spec.environment.variables), **told},
            max(SMALLEST_MACHINE_MB, spec.compute_resource.memory_mib),
            seconds(spec.max_run_duration),
        )
        running = self._running
        return _code(execute(container, running.home, running.reaper, printed, lambda: self._why))

    def _becomes(self, state: int) -> None:
        status = self._job.status
        words = f"Job state is set from {_JOB(status.state).name} to {_JOB(state).name} for job {self._job.name}."
        if state == FAILED:
            bad = next(n for n, task in enumerate(self._tasks) if task.status.state == TASK_FAILED)
            said = self._tasks[bad].status.status_events[-1].description
            words += f" Job failed due to task failure. Specifically, task with index {bad} failed due to: {said}"
        status.state = state
        event = status.status_events.add(type_="STATUS_CHANGED", description=words)
        event.event_time.GetCurrentTime()
        self._job.update_time.CopyFrom(event.event_time)


def _task(name: str) -> Any:
    task = batch_v1.Task.pb()(name=name)
    task.status.state = PENDING
    return task


def _copy(task: Any) -> Any:
    found = batch_v1.Task.pb()()
    found.CopyFrom(task)
    return found


def _changed(task: Any, state: int, code: int = 0) -> None:
    words = f"Task state is updated from {_TASK(task.status.state).name} to {_TASK(state).name}"
    task.status.state = state
    event = task.status.status_events.add(type_="STATUS_CHANGED", task_state=state)
    event.description = f"{words} with exit code {code}." if code else f"{words}."
    if code:
        event.task_execution.exit_code = code
    event.event_time.GetCurrentTime()


def _again(spec: Any, code: int) -> bool:
    for rule in spec.lifecycle_policies:
        return bool((code in rule.action_condition.exit_codes) == (rule.action == RETRY_TASK))
    return True


def _code(outcome: Outcome) -> int:
    if outcome.state == "succeeded":
        return 0
    if outcome.state == "timeout":
        return TIMED_OUT
    if outcome.state == "out-of-memory":
        return 128 + signal.SIGKILL
    if outcome.exit_code is not None:
        return outcome.exit_code
    named = re.search(r"SIG[A-Z0-9]+", outcome.reason)
    return 128 + signal.Signals[named[0]] if named else OTHER
