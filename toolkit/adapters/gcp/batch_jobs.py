"""Jobs by Batch: machines made for one job, with GPUs, spot prices and fourteen days, at the price of a minute's start.

As with Cloud Run, making the job starts it and its name is there once. Google forgets a job sixty days after its end.
Lines belong to the job's uid, which no later job has.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from toolkit.adapters.gcp import batch_request, batch_words, job_request, job_submission
from toolkit.adapters.gcp.client import Api
from toolkit.adapters.gcp.logs import HOST as LOGGING
from toolkit.adapters.gcp.logs import Logging, quoted
from toolkit.adapters.gcp.run_api import Run
from toolkit.domain import names, times
from toolkit.domain.errors import Conflict, NotFound, PreconditionFailed, Unavailable
from toolkit.domain.specs import JobSpec, JobStatus, LogLine

HOST = "batch.googleapis.com"
END_SECONDS = 600.0  # until a machine is gone
LATE = 10.0  # seconds that a line takes to the log
Body = dict[str, Any]


class BatchJobs:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._stem: str = run.settings["stem"]
        self._api = Api(HOST, "v1", run.settings["services_endpoint"])
        self._logging = Logging(run.project, Api(LOGGING, "v2", run.settings["services_endpoint"]))
        self._late = 0.0 if run.settings["services_endpoint"] else LATE

    def submit(self, spec: JobSpec) -> JobStatus:
        names.check_resource("job", spec.name)
        made = batch_request.body(
            spec,
            self._run.settings,
            image=self._run.image(""),
            account=self._run.account(job_request.role(spec.tags)),
            token=secrets.token_hex(3),
        )
        job_submission.make(self._api, self._run, spec.name, made)
        return self.status(spec.name)

    def status(self, job_id: str) -> JobStatus:
        return self._status(self._find(job_id))

    def cancel(self, job_id: str) -> JobStatus:
        job = self._find(job_id)
        deadline = time.monotonic() + END_SECONDS
        while not batch_words.ended(job):
            if time.monotonic() > deadline:
                raise Unavailable(f"job {job_id} was asked to stop and has not ended in {END_SECONDS:.0f} s")
            if batch_words.state(job) not in {"CANCELLATION_IN_PROGRESS", "DELETION_IN_PROGRESS"}:
                with suppress(PreconditionFailed):  # it has ended meanwhile
                    self._api.call(f"stop job {job_id}", "POST", f"{job['name']}:cancel", {})
            time.sleep(self._run.poll)
            job = self._find(job_id)
        return self._status(job)

    def logs(self, job_id: str, *, follow: bool = False, after: str = "") -> Iterator[LogLine]:
        """Processes of an array as they printed, one among the other."""
        job = self._find(job_id)

        def source(entry: Body) -> str:
            return job_id

        wanted = self._lines_of(job)
        if follow:
            yield from self._logging.follow(wanted, source, after, lambda: self._over(job), max(self._run.poll, 0.1))
        else:
            yield from self._logging.lines(wanted, source, after)

    def list(self, tags: dict[str, str] | None = None) -> Iterator[JobStatus]:
        wanted = (tags or {}).items()
        found = []
        for job in self._api.pages("list jobs", f"{self._run.parent}/jobs", "jobs"):
            if batch_words.ours(job, self._stem) and wanted <= batch_words.tags(job).items():
                with suppress(NotFound):  # deleted while we looked
                    found.append(self._status(job))
        yield from sorted(found, key=lambda status: (status.submitted, status.name), reverse=True)

    def delete(self, job_id: str) -> None:
        names.check_resource("job", job_id)
        deadline = time.monotonic() + END_SECONDS
        with suppress(NotFound):
            job = self._find(job_id)
            if not batch_words.ended(job) and batch_words.state(job) != "DELETION_IN_PROGRESS":
                raise Conflict(f"job {job_id} is still running", hint="cancel it first")
            while time.monotonic() < deadline:
                if batch_words.state(job) != "DELETION_IN_PROGRESS":
                    self._api.call(f"delete job {job_id}", "DELETE", job["name"])
                time.sleep(self._run.poll)
                job = self._find(job_id)
            raise Unavailable(f"job {job_id} is not deleted after {END_SECONDS:.0f} s", hint="run the same again")

    # Looking

    def _find(self, name: str) -> Body:
        names.check_resource("job", name)
        path = f"{self._run.parent}/jobs/{job_request.job_id(self._stem, name)}"
        try:
            return self._api.get(f"look at job {name}", path)
        except NotFound as error:
            where = f"{self._run.region} of {self._run.project}"
            raise NotFound(f"no job {name!r} in {where}", hint="Batch keeps jobs for 60 days") from error.__cause__

    def _status(self, job: Body) -> JobStatus:
        if batch_words.state(job) != "FAILED":
            return batch_words.status(job)
        group = job["taskGroups"][0].get("name") or f"{job['name']}/taskGroups/group0"
        tasks = list(self._api.pages("list tasks", f"{group}/tasks", "tasks"))
        said = self._logging.last(self._lines_of(job)) if batch_words.codes(tasks) else ""
        return batch_words.status(job, tasks, said)

    def _over(self, job: Body) -> bool:
        """It has ended, and what it printed has had the time to arrive."""
        try:
            job = self._api.get("look at a job", job["name"])
        except NotFound:
            return True
        if not batch_words.ended(job):
            return False
        end = times.parse(batch_words.status(job).ended)
        return datetime.now(UTC) - end >= timedelta(seconds=self._late)

    def _lines_of(self, job: Body) -> str:
        """The filter of its output."""
        log = f"projects/{self._run.project}/logs/batch_task_logs"
        return (
            f"logName={quoted(log)} AND labels.job_uid={quoted(job['uid'])} AND timestamp>={quoted(job['createTime'])}"
        )
