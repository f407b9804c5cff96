"""An execution of a Cloud Run job: its tasks, each a container run until it succeeds or has no attempts left."""

from __future__ import annotations

import re
import signal
import threading
import uuid
from pathlib import Path
from typing import Any

from google.cloud import run_v2
from google.protobuf import timestamp_pb2

from toolkit.adapters.gcp.emulator.containers import megabytes, seconds
from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.log import Log
from toolkit.domain import times
from toolkit.execution.container.running import Container, execute
from toolkit.execution.process import Outcome
from toolkit.execution.reaper import Reaper

COMPLETED_SUCCESS, COMPLETED_FAILURE = 4, 3  # Condition.State
SUCCEEDED, FAILED, RUNNING, CANCELLED = 1, 2, 3, 5  # ExecutionReference.CompletionStatus
NON_ZERO, WAS_CANCELLED = 2, 3  # Condition.ExecutionReason
AT_ONCE = 8  # tasks of one execution that run on this machine at a time
DEFAULT_SECONDS = 600.0


class Running:
    """What executions need of the site; `address` is where the emulator is."""

    def __init__(self, home: Path, reaper: Reaper, identity: Identity, log: Log) -> None:
        self.home, self.reaper, self.identity, self.log = home, reaper, identity, log

    def begin(self, name: str, job: Any) -> Execution:
        """The execution of a job whose full name is `name`; it has begun when this returns."""
        execution = Execution(self, name, job)
        execution.start()
        return execution


class Execution:
    def __init__(self, running: Running, job_name: str, job: Any) -> None:
        self._running, self._job_name = running, job_name
        short = job_name.rpartition("/")[2]
        self._short = f"{short}-{job.start_execution_token}"
        self.name = f"{job_name}/executions/{self._short}"
        self._lock = threading.Lock()
        self._why = ""
        self._done = threading.Event()
        about = self._about = run_v2.Execution.pb()(name=self.name, uid=str(uuid.uuid4()), job=short)
        about.task_count = about.parallelism = job.template.task_count
        about.template.CopyFrom(job.template.template)
        about.labels.update(job.template.labels)
        about.create_time.GetCurrentTime()
        about.conditions.add(type_="Completed", state=2)
        self._tasks = [self._task(number) for number in range(about.task_count)]

    @property
    def over(self) -> bool:
        return self._done.is_set()

    def start(self) -> None:
        threading.Thread(target=self._run, name="execution", daemon=True).start()

    def stop(self, why: str) -> None:
        self._why = self._why or why

    def wait(self, longest: float) -> None:
        self._done.wait(longest)

    def shown(self) -> Any:
        with self._lock:
            found = run_v2.Execution.pb()()
            found.CopyFrom(self._about)
            return found

    def tasks(self) -> list[Any]:
        with self._lock:
            return list(self._tasks)

    def refer(self, reference: Any) -> None:
        """Write into a job's reference to it."""
        with self._lock:
            about = self._about
            reference.name = self._short
            reference.create_time.CopyFrom(about.create_time)
            reference.completion_status = RUNNING
            if about.HasField("completion_time"):
                reference.completion_time.CopyFrom(about.completion_time)
                bad = CANCELLED if about.cancelled_count else FAILED
                reference.completion_status = SUCCEEDED if about.succeeded_count == about.task_count else bad

    def _run(self) -> None:
        with self._lock:
            self._about.start_time.GetCurrentTime()
            self._about.running_count = self._about.task_count
        room = threading.Semaphore(AT_ONCE)
        threads = [
            threading.Thread(target=self._attempts, args=(number, room), name="task", daemon=True)
            for number in range(len(self._tasks))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._end()

    def _attempts(self, number: int, room: threading.Semaphore) -> None:
        """Everything that fails is run again, also what was too slow or too large: Cloud Run knows no difference."""
        task = self._tasks[number]
        with room:
            for attempt in range(task.max_retries + 1):
                if self._why:
                    break
                outcome = self._attempt(task, attempt)
                with self._lock:
                    _note(task, outcome)
                if outcome.state in {"succeeded", "cancelled"}:
                    break
                if attempt < task.max_retries:
                    with self._lock:
                        task.retried, self._about.retried_count = attempt + 1, self._about.retried_count + 1
        with self._lock:
            task.completion_time.GetCurrentTime()
            about = self._about
            about.running_count -= 1
            if task.last_attempt_result.status.code == 0 and not self._why:
                about.succeeded_count += 1
            elif self._why:
                about.cancelled_count += 1
            else:
                about.failed_count += 1

    def _attempt(self, task: Any, attempt: int) -> Outcome:
        given = task.containers[0]
        short = self._job_name.rpartition("/")[2]
        told = {
            "CLOUD_RUN_JOB": short, "CLOUD_RUN_EXECUTION": self._short, "CLOUD_RUN_TASK_INDEX": str(task.index),
            "CLOUD_RUN_TASK_ATTEMPT": str(attempt), "CLOUD_RUN_TASK_COUNT": str(len(self._tasks)),
            **self._running.identity.environment(task.service_account),
        }  # fmt: skip
        declared = {one.name: one.value for one in given.env}
        memory = given.resources.limits["memory"]
        container = Container(
            tuple(given.args), {**declared, **told}, megabytes(memory), seconds(task.timeout) or DEFAULT_SECONDS
        )
        own = {
            "run.googleapis.com/execution_name": self._short, "run.googleapis.com/task_index": str(task.index),
            "run.googleapis.com/task_attempt": str(attempt),
        }  # fmt: skip
        _, project, _, location, _, _ = self._job_name.split("/")
        labels = {"project_id": project, "location": location, "job_name": short}
        resource = {"type": "cloud_run_job", "labels": labels}
        log = f"projects/{project}/logs/run.googleapis.com%2F"

        def printed(text: str, time: str) -> None:
            self._running.log.printed(f"{log}stdout", resource, own, text, time)

        running = self._running
        outcome = execute(container, running.home, running.reaper, printed, lambda: self._why)
        if outcome.state == "out-of-memory":
            used = outcome.peak_bytes // 1024**2
            words = f"Memory limit of {container.memory_mb} MiB exceeded with {used} MiB used."
            running.log.printed(f"{log}varlog%2Fsystem", resource, own, words, times.now())
        return outcome

    def _end(self) -> None:
        with self._lock:
            about = self._about
            condition = about.conditions[0]
            good = about.succeeded_count == about.task_count
            condition.state = COMPLETED_SUCCESS if good else COMPLETED_FAILURE
            if about.cancelled_count:
                condition.execution_reason, condition.message = WAS_CANCELLED, "Execution was cancelled."
            elif not good:
                bad = next(task for task in self._tasks if task.last_attempt_result.status.code)
                words = bad.last_attempt_result.status.message
                condition.execution_reason = NON_ZERO
                condition.message = f"Task {bad.name.rpartition('/')[2]} failed with message: {words}"
            about.completion_time.GetCurrentTime()
        self._done.set()

    def _task(self, number: int) -> Any:
        about = self._about
        name = f"{self.name}/tasks/{self._short}-task{number}"
        task = run_v2.Task.pb()(name=name, index=number, job=about.job, execution=self._short)
        template = about.template
        task.containers.extend(template.containers)
        task.max_retries, task.service_account = template.max_retries, template.service_account
        task.timeout.CopyFrom(template.timeout)
        task.create_time.CopyFrom(about.create_time)
        now = timestamp_pb2.Timestamp()
        now.GetCurrentTime()
        task.start_time.CopyFrom(now)
        return task


def _note(task: Any, outcome: Outcome) -> None:
    """What Cloud Run says of an attempt: an exit code, a signal, or only words."""
    result = task.last_attempt_result
    result.Clear()
    if outcome.state == "succeeded":
        return
    result.status.code, result.status.message = 2, "The container exited with an error."
    if outcome.state == "timeout":
        result.status.code, result.status.message = 10, "The configured timeout was reached."
    elif outcome.state == "out-of-memory":
        result.term_signal = signal.SIGKILL
    elif outcome.state == "cancelled":
        result.status.code, result.status.message = 1, "The task was cancelled."
    elif outcome.exit_code is not None:
        result.exit_code = outcome.exit_code
    elif named := re.search(r"SIG[A-Z0-9]+", outcome.reason):
        result.term_signal = signal.Signals[named[0]]
