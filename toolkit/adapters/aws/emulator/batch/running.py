"""A job from SUBMITTED to its end, on threads of its own: one that carries it out, one that moves its output."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from toolkit.adapters.aws.emulator.batch import rules
from toolkit.adapters.aws.emulator.batch.records import BEFORE_START, ENDED, Attempt, Job, now
from toolkit.adapters.aws.emulator.executors import Home
from toolkit.adapters.aws.emulator.moto import Moto
from toolkit.domain import times
from toolkit.execution import environments
from toolkit.execution.output import Output, Reader
from toolkit.execution.process import Command, Outcome, run
from toolkit.execution.reaper import Reaper

STOP_SECONDS = 30.0  # that ECS gives a container between asking and killing
STEP = 0.02  # how long a state lasts that on AWS takes seconds or minutes
LOG_SECONDS = 0.1
CLOSE_SECONDS = 5.0  # for all jobs together to note their end, once their processes are gone
ENDS = "the emulator ended"
EXITED = "Essential container in task exited"
TIMED_OUT = "Job attempt duration exceeded timeout"
MEMORY = "OutOfMemoryError: Container killed due to memory usage"
KILLED = 137  # 128 + SIGKILL
_ECR = re.compile(r"(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/([^:@]+)(?::([^@]+))?(?:@(sha256:\w+))?")
_MIB = 1024 * 1024


class Running:
    """`of_all` gives every job there is, for dependencies and for room in a compute environment."""

    def __init__(self, moto: Moto, home: Home, of_all: Callable[[], list[Job]]) -> None:
        self._moto = moto
        self._home = home
        self._of_all = of_all
        self._folder = home.folder / "batch"
        self._reaper = Reaper()
        self._room = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()

    def start(self, job: Job) -> None:
        """Returns at once."""
        for one in job.children or [job]:
            thread = threading.Thread(target=self._carry_out, args=(one,), daemon=True)
            self._threads.append(thread)
            thread.start()
        if job.children:
            threading.Thread(target=self._gather, args=(job,), daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        stopped = []
        for job in self._of_all():
            with job.lock:
                if job.status not in ENDED:
                    stopped.append(job.name)
                    job.stop = job.stop or ENDS
        self._reaper.close()  # ends their processes at once
        deadline = time.monotonic() + CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if stopped:
            sys.stderr.write(f"the emulator ends, and with it {len(stopped)} jobs: {', '.join(sorted(stopped))}\n")

    def _carry_out(self, job: Job) -> None:
        try:
            if self._admitted(job):
                self._attempts(job)
        except Exception as error:  # a job must not stay without an end
            _end(job, "FAILED", f"the emulator failed: {type(error).__name__}: {error}")
            raise

    def _admitted(self, job: Job) -> bool:
        """Wait through SUBMITTED, PENDING and RUNNABLE; True once it is STARTING."""
        self._closing.wait(STEP)
        while True:
            with job.lock:
                if self._closing.is_set():  # it came while the others were ended, and nothing would end it
                    job.stop = job.stop or ENDS
                if job.stop:
                    _end(job, "FAILED", job.stop)
                    return False
                before = [one for one in self._of_all() if one.id in _needed(job)]
                if any(one.status == "FAILED" for one in before):
                    _end(job, "FAILED", "Dependent Job failed")
                    return False
                waits = any(one.status != "SUCCEEDED" for one in before)
                job.status = "PENDING" if waits else "RUNNABLE"
            if not waits and self._takes_room(job):
                return True
            self._closing.wait(STEP)

    def _takes_room(self, job: Job) -> bool:
        """STARTING, if its compute environment is enabled and has enough CPUs left."""
        with self._room:
            running = sum(
                one.amount("VCPU")
                for one in self._of_all()
                if one.queue == job.queue and one.status in {"STARTING", "RUNNING"} and not one.children
            )
            with self._moto.lock:
                queue = self._moto.state("batch", job.region).get_job_queue(job.queue)
                free = [
                    float(place.compute_resources.get("maxvCpus", 0))
                    for place in (queue.environments if queue else [])
                    if place.state != "DISABLED"
                ]
            if sum(free) < running + job.amount("VCPU"):
                return False
            with job.lock:
                if job.stop:
                    return False
                job.status = "STARTING"
            return True

    def _attempts(self, job: Job) -> None:
        most = int(job.retry.get("attempts", 1))
        while True:
            if refused := self._refused(job):
                with job.lock:
                    job.refused = refused
                    _end(job, "FAILED", "Task failed to start" if refused.startswith("CannotPull") else refused)
                return
            attempt = self._attempt(job)
            with job.lock:
                job.attempts.append(attempt)
                job.current = None
                failed = attempt.exit_code != 0 or attempt.status_reason != EXITED
                final = not failed or len(job.attempts) >= most or bool(job.stop) or attempt.status_reason == TIMED_OUT
                if final or not rules.again(
                    job.retry, code=attempt.exit_code, reason=attempt.reason, status_reason=attempt.status_reason
                ):
                    _end(job, "FAILED" if failed else "SUCCEEDED", attempt.status_reason)
                    return
                job.status = "STARTING"

    def _attempt(self, job: Job) -> Attempt:
        group = job.container["logConfiguration"]["options"]["awslogs-group"]
        task = uuid4().hex
        attempt = Attempt(now(), f"{job.definition['jobDefinitionName']}/default/{task}")
        folder = self._folder / task
        (folder / "work").mkdir(parents=True)
        with self._moto.lock:
            self._moto.state("logs", job.region).create_log_stream(group, attempt.stream)
        with job.lock:
            job.status, job.current, job.started = "RUNNING", attempt, now()
        over = threading.Event()
        mover = threading.Thread(target=self._move, args=(job, group, attempt.stream, folder, over), daemon=True)
        mover.start()
        mark = secrets.token_hex(8)
        self._reaper.watch(mark)
        try:
            outcome = run(self._command(job, folder / "work", mark), Output(folder), stop=lambda: job.stop)
        finally:
            self._reaper.leave(mark)
            over.set()
            mover.join()
            shutil.rmtree(folder, ignore_errors=True)
        _note(attempt, outcome, job.stop)
        return attempt

    def _command(self, job: Job, work: Path, mark: str) -> Command:
        declared = {one["name"]: one["value"] for one in job.container["environment"]}
        return Command(
            argv=(sys.executable, "-m", *job.container["command"]),
            env=environments.variables({**declared, **self._told(job)}),
            cwd=work,
            timeout_seconds=float(job.timeout.get("attemptDurationSeconds", 0)),
            memory_bytes=int(job.amount("MEMORY")) * _MIB,
            grace_seconds=STOP_SECONDS,
            mark=mark,
        )

    def _told(self, job: Job) -> dict[str, str]:
        """What Batch, ECS and the image put into the environment."""
        told = {
            "AWS_BATCH_JOB_ID": job.id,
            "AWS_BATCH_JOB_ATTEMPT": str(len(job.attempts) + 1),
            "AWS_BATCH_JQ_NAME": job.queue.rpartition("/")[2],
            "AWS_REGION": job.region,
            "AWS_ENDPOINT_URL": self._home.address,
        }
        if job.index is not None:
            told["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.index)
        # Without a job role a container has no credentials.
        return told | (self._home.environment(job.region) if job.container.get("jobRoleArn") else {})

    def _refused(self, job: Job) -> str:
        """Why ECS does not start the container, or ""."""
        container = job.container
        if len(json.dumps(job.given.get("containerOverrides", {}), separators=(",", ":"))) > rules.MOST_OVERRIDES:
            return f"Container Overrides length must be at most {rules.MOST_OVERRIDES}"
        for key in ("executionRoleArn", "jobRoleArn"):
            if (arn := container.get(key)) and not self._trusts_ecs(job.region, arn):
                return (
                    f"ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that "
                    "the role being passed has the proper trust relationship and permissions and that your IAM user "
                    "has permissions to pass this role."
                )
        if not self._has_image(container["image"]):
            return (
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
                f"{container['image']}: {container['image']}: not found"
            )
        group = container.get("logConfiguration", {}).get("options", {}).get("awslogs-group", "/aws/batch/job")
        with self._moto.lock:
            known = group in self._moto.state("logs", job.region).groups
        return "" if known else (
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            "failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not "
            "exist. : exit status 1"
        )  # fmt: skip

    def _trusts_ecs(self, region: str, arn: str) -> bool:
        with self._moto.lock:
            roles = self._moto.state("iam", region).get_roles()
            found = next((role for role in roles if role.arn == arn), None)
        return found is not None and "ecs-tasks.amazonaws.com" in json.dumps(found.assume_role_policy_document)

    def _has_image(self, image: str) -> bool:
        found = _ECR.fullmatch(image)
        if not found:
            return True  # another registry than ECR: taken to have it
        account, region, repository, tag, digest = found.groups()
        if account != self._home.account:
            return False
        with self._moto.lock:
            known = self._moto.state("ecr", region).repositories.get(repository)
            images: list[Any] = known.images if known else []
            return any(
                (not tag or tag in one.image_tags) and (not digest or digest == one.image_digest) for one in images
            )

    def _move(self, job: Job, group: str, stream: str, folder: Path, over: threading.Event) -> None:
        """What it prints, to CloudWatch Logs, while it prints. The log driver drops empty lines."""
        reader = Reader(folder)
        while True:
            whole = over.wait(LOG_SECONDS)
            events = [
                {"timestamp": int(times.parse(line.time).timestamp() * 1000), "message": line.text}
                for line in reader.read(whole=whole)
                if line.text
            ]
            for start in range(0, len(events), 10_000):
                with self._moto.lock, suppress(Exception):  # deleted meanwhile
                    logs = self._moto.state("logs", job.region)
                    logs.put_log_events(group, stream, events[start : start + 10_000])
            if whole:
                return

    def _gather(self, job: Job) -> None:
        """The end of an array job, once its children have theirs."""
        while any(child.status not in ENDED for child in job.children):
            with job.lock:
                job.status = "PENDING"
            time.sleep(STEP)
        with job.lock:
            failed = any(child.status == "FAILED" for child in job.children)
            _end(job, "FAILED" if failed else "SUCCEEDED", job.stop or ("Array Child Job failed" if failed else ""))


def _note(attempt: Attempt, outcome: Outcome, stop: str) -> None:
    """How a process tree ended, as ECS and Batch put it."""
    attempt.stopped, attempt.status_reason = now(), EXITED
    if outcome.state in {"succeeded", "failed"}:
        attempt.exit_code = outcome.exit_code if outcome.exit_code is not None else _signalled(outcome.reason)
        return
    attempt.exit_code = KILLED
    if outcome.state == "out-of-memory":
        attempt.reason = MEMORY
    elif outcome.state == "timeout":
        attempt.status_reason = TIMED_OUT
    else:
        attempt.status_reason = stop


def _signalled(reason: str) -> int:
    """What a shell would give for a process that a signal ended."""
    found = re.match(r"killed by (SIG\w+)", reason)
    return 128 + signal.Signals[found[1]] if found else 1


def _end(job: Job, status: str, reason: str) -> None:
    with job.lock:
        early = job.status in BEFORE_START
        job.status, job.status_reason, job.stopped = status, reason, now()
        if job.stop and status == "FAILED":
            job.cancelled, job.terminated = job.cancelled or early, True


def _needed(job: Job) -> set[str]:
    return {one["jobId"] for one in job.given.get("dependsOn", []) if "jobId" in one}
