"""Cloud Scheduler: jobs with an HTTP target, really fired, with an ID token of the account that the job names.

Each job is looked at once a second; for every time that has come since the last look its URL is called, one execution
of a job at a time, again when that fails, as often as the job says. `POST /_emulator/clock` {"ahead": seconds} sets the
scheduler's clock ahead of the machine's and answers when all that is then due was called: tests need not wait.
"""

from __future__ import annotations

import copy
import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud.scheduler_v1 import types
from google.protobuf.field_mask_pb2 import FieldMask

from toolkit.adapters.gcp.emulator.containers import seconds
from toolkit.adapters.gcp.emulator.identity import Identity
from toolkit.adapters.gcp.emulator.refused import Refused, invalid, missing
from toolkit.adapters.gcp.emulator.scheduler_beats import Bad, Beat
from toolkit.adapters.gcp.emulator.tasks import send
from toolkit.execution.http_messages import Request, Response, json_response

CLOCK = "/_emulator/clock"
LOOK_SECONDS = 1.0
RETRY_SECONDS = 0.2  # Google waits longer and longer
MOST_RETRIES = 2  # here, so that a test need not wait for five
MOST_MISSED = 100
LARGEST = 1024**2
ENABLED, PAUSED = types.Job.State.ENABLED, types.Job.State.PAUSED
_NAME = re.compile(r"projects/[^/]+/locations/[^/]+/jobs/[A-Za-z0-9_-]{1,500}")
_SETTABLE = {"description", "schedule", "time_zone", "http_target", "retry_config", "attempt_deadline"}
_RESERVED = re.compile(r"x-google-.*|x-appengine-.*|x-cloudscheduler.*|host|content-length", re.IGNORECASE)
Exists = Callable[[str], bool]  # whether there is such a service account


class Scheduler:
    def __init__(self, identity: Identity, account_exists: Exists) -> None:
        self._identity, self._account_exists = identity, account_exists
        self._ahead = timedelta(0)
        self._jobs: dict[str, Any] = {}
        self._looked: dict[str, datetime] = {}
        self._running: dict[str, threading.Lock] = {}
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._calls = ThreadPoolExecutor(8, "schedule")
        threading.Thread(target=self._run, name="schedules", daemon=True).start()

    # The control plane

    def create(self, request: Any, caller: str) -> Any:
        job = _copy(request.job)
        if not _NAME.fullmatch(job.name) or not job.name.startswith(f"{request.parent}/jobs/"):
            raise invalid("Job name must be formatted: projects/P/locations/L/jobs/J with [A-Za-z0-9_-]", "job.name")
        with self._lock:
            if job.name in self._jobs:
                raise Refused("ALREADY_EXISTS", f"Job {job.name} already exists.")
            self._check(job)
            job.state = ENABLED
            return self._keep(job)

    def get(self, request: Any, caller: str) -> Any:
        with self._lock:
            return self._find(request.name)

    def list(self, request: Any, caller: str) -> Any:
        answer = types.ListJobsResponse.pb()()
        size, start = min(request.page_size or 500, 500), int(request.page_token or 0)
        with self._lock:
            names = sorted(name for name in self._jobs if name.startswith(f"{request.parent}/jobs/"))
            answer.jobs.extend(self._jobs[name] for name in names[start : start + size])
        answer.next_page_token = str(start + size) if start + size < len(names) else ""
        return answer

    def update(self, request: Any, caller: str) -> Any:
        paths = set(request.update_mask.paths)
        if not paths or paths - _SETTABLE:
            raise invalid(f"update_mask: {sorted(paths - _SETTABLE) or 'nothing'} cannot be set", "update_mask")
        with self._lock:
            job = _copy(self._find(request.job.name))
            FieldMask(paths=sorted(paths)).MergeMessage(request.job, job, replace_message_field=True)
            self._check(job)
            return self._keep(job)

    def delete(self, request: Any, caller: str) -> Any:
        with self._lock:
            self._find(request.name)
            del self._jobs[request.name], self._looked[request.name]
        return {}

    def pause(self, request: Any, caller: str) -> Any:
        return self._turn(request.name, PAUSED)

    def resume(self, request: Any, caller: str) -> Any:
        return self._turn(request.name, ENABLED)

    def answer(self, request: Request) -> Response | None:
        """The clock; None for any other path."""
        if request.path != CLOCK or request.method != "POST":
            return None
        with self._lock:
            self._ahead = timedelta(seconds=float(json.loads(request.body)["ahead"]))
            if not self._ahead:  # a test is over: what lay ahead is not made up for
                self._looked = dict.fromkeys(self._jobs, self._now())
        for done in self._look():
            done.result()
        return json_response(200, {"ahead": self._ahead.total_seconds()})

    def close(self) -> None:
        self._stop.set()
        self._calls.shutdown(wait=False, cancel_futures=True)

    def _turn(self, name: str, state: Any) -> Any:
        with self._lock:
            job = _copy(self._find(name))
            job.state = state
            return self._keep(job)

    def _check(self, job: Any) -> None:
        if job.WhichOneof("target") != "http_target":
            raise invalid("Job target must be set: an HTTP target is what is played here", "job.target")
        target = job.http_target
        try:
            Beat(job.schedule, job.time_zone or "Etc/UTC")
        except Bad as error:
            raise invalid(str(error), "job.schedule") from error
        if len(job.description) > 500:
            raise invalid("Job description is longer than 500 characters", "job.description")
        if job.ByteSize() > LARGEST:
            raise invalid("Job size exceeds 1 MB", "job")
        if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", target.uri) or len(target.uri) > 2083:
            raise invalid(f"HttpTarget.url {target.uri!r} is not valid", "job.http_target.uri")
        if target.body and target.http_method not in {types.HttpMethod.POST, types.HttpMethod.PUT}:
            raise invalid("HTTP request body is only allowed for POST and PUT", "job.http_target.http_method")
        if reserved := [name for name in target.headers if _RESERVED.fullmatch(name)]:
            raise invalid(f"Header {reserved[0]} cannot be set", "job.http_target.headers")
        if not 0 <= job.retry_config.retry_count <= 5:
            raise invalid("retry_count must be between 0 and 5", "job.retry_config.retry_count")
        if job.HasField("attempt_deadline") and not 15 <= seconds(job.attempt_deadline) <= 1800:
            raise invalid("attempt_deadline must be between 15 seconds and 30 minutes", "job.attempt_deadline")
        account = target.oidc_token.service_account_email
        if account and not self._account_exists(account):
            told = "The principal (user or service account) lacks IAM permission 'iam.serviceAccounts.actAs'"
            raise Refused("PERMISSION_DENIED", f"{told} for the resource '{account}' (or the resource may not exist).")

    def _keep(self, job: Any) -> Any:
        job.user_update_time.GetCurrentTime()
        job.time_zone = job.time_zone or "Etc/UTC"
        self._jobs[job.name], self._looked[job.name] = job, self._now()
        return job

    def _find(self, name: str) -> Any:
        if name not in self._jobs:
            raise missing(name)
        return self._jobs[name]

    # Firing

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> tuple[Future[None], ...]:
        """Start the calls that are due."""
        due = []
        with self._lock:
            now = self._now()
            for name, job in self._jobs.items():
                last, self._looked[name] = self._looked[name], now
                if job.state == ENABLED and last < now:
                    moments = list(Beat(job.schedule, job.time_zone).between(last, now))[-MOST_MISSED:]
                    due += [(job, self._running.setdefault(name, threading.Lock()), moment) for moment in moments]
        return tuple(self._calls.submit(self._fire, *one) for one in due)

    def _fire(self, job: Any, alone: threading.Lock, moment: datetime) -> None:
        target = job.http_target
        told = {
            **target.headers, "User-Agent": "Google-Cloud-Scheduler", "X-CloudScheduler": "true",
            "X-CloudScheduler-JobName": job.name.rpartition("/")[2],
            "X-CloudScheduler-ScheduleTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip
        with alone:
            attempts = 1 + min(job.retry_config.retry_count, MOST_RETRIES)
            taken = False
            for left in reversed(range(attempts)):
                taken = send(self._identity, target.uri, target.body, told, target.oidc_token)
                if taken or not left:
                    break
                time.sleep(RETRY_SECONDS)
        with self._lock:
            job.last_attempt_time.GetCurrentTime()
            job.status.code = 0 if taken else 13


def _copy(message: Any) -> Any:
    return copy.deepcopy(message)
